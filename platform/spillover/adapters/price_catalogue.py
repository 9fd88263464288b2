"""What machines cost at AWS: the dated catalogue of the package, and the one that was refreshed; newer prices win."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any

from ..domain.pool import Market

_log = logging.getLogger(__name__)

MARKETS = (Market.ON_DEMAND, Market.SPOT)


@dataclass(frozen=True, slots=True)
class Shape:
    """What an instance type has. `gpu` is the name of its GPUs, "" if it is not known."""

    vcpus: int
    memory_gib: float
    gpus: int = 0
    gpu: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """The prices of one market in one region, in US dollars an hour by instance type, all of the same day."""

    as_of: date
    usd_per_hour: Mapping[str, float] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Price:
    """One price and its day."""

    usd_per_hour: float
    as_of: date


@dataclass(frozen=True, slots=True)
class Change:
    """A price that is not what it was; None where there was or is none."""

    instance_type: str
    region: str
    market: Market
    before: float | None
    after: float | None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Shapes by instance type, and price sheets by market and region."""

    shapes: Mapping[str, Shape] = field(default_factory=dict, hash=False)
    sheets: Mapping[tuple[Market, str], Sheet] = field(default_factory=dict, hash=False)

    def price(self, instance_type: str, region: str, market: Market) -> Price | None:
        """None if it is not known."""
        sheet = self.sheets.get((market, region))
        if sheet is None or instance_type not in sheet.usd_per_hour:
            return None
        return Price(sheet.usd_per_hour[instance_type], sheet.as_of)

    def regions(self) -> list[str]:
        """Those with any price."""
        return sorted({region for _, region in self.sheets})

    def types(self, region: str) -> list[str]:
        """Those with any price there, by family, then by size."""
        names = {t for m in MARKETS if (sheet := self.sheets.get((m, region))) for t in sheet.usd_per_hour}
        return sorted(names, key=self._order)

    def with_newer(self, other: Catalogue) -> Catalogue:
        """Both together. Of two sheets for the same market and region, that of the later day; `other` on the same."""
        sheets = dict(self.sheets)
        for key, sheet in other.sheets.items():
            if key not in sheets or sheet.as_of >= sheets[key].as_of:
                sheets[key] = sheet
        shapes = {**self.shapes, **{t: _named(shape, self.shapes.get(t)) for t, shape in other.shapes.items()}}
        return Catalogue(shapes, sheets)

    def changes_since(self, before: Catalogue) -> list[Change]:
        """Every price that differs from `before`, by market, region and type."""
        found: list[Change] = []
        for market, region in sorted(self.sheets.keys() | before.sheets.keys()):
            old, new = (_prices(catalogue, market, region) for catalogue in (before, self))
            names = sorted(old.keys() | new.keys(), key=self._order)
            changes = (Change(name, region, market, old.get(name), new.get(name)) for name in names)
            found.extend(change for change in changes if change.before != change.after)
        return found

    def _order(self, instance_type: str) -> tuple[str, int, str]:
        shape = self.shapes.get(instance_type)
        return instance_type.partition(".")[0], shape.vcpus if shape else 0, instance_type


def _prices(catalogue: Catalogue, market: Market, region: str) -> Mapping[str, float]:
    sheet = catalogue.sheets.get((market, region))
    return sheet.usd_per_hour if sheet else {}


def _named(shape: Shape, known: Shape | None) -> Shape:
    """AWS's price list counts GPUs and does not name them."""
    gpu = shape.gpu or (known.gpu if known else "")
    return Shape(shape.vcpus, shape.memory_gib, shape.gpus, gpu)


def refreshed_file(state_dir: Path) -> Path:
    """Where `spillover prices refresh` writes."""
    return state_dir / "prices" / "aws.json"


def load_catalogue(state_dir: Path | None = None) -> Catalogue:
    """The package's catalogue with what was refreshed."""
    packaged = _read(json.loads((files("spillover") / "data" / "prices" / "aws.json").read_text()))
    return packaged.with_newer(load_refreshed(state_dir)) if state_dir else packaged


def load_refreshed(state_dir: Path) -> Catalogue:
    """What was refreshed, if anything was. A file that cannot be read is left out, and logged."""
    file = refreshed_file(state_dir)
    if not file.exists():
        return Catalogue()
    try:
        return _read(json.loads(file.read_text()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        _log.warning("%s is no price catalogue (%s): left out; `spillover prices refresh` writes it anew", file, error)
        return Catalogue()


def save_catalogue(catalogue: Catalogue, state_dir: Path) -> Path:
    """Write it as the refreshed one, whole or not at all."""
    file = refreshed_file(state_dir)
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    with part.open("w") as out:
        json.dump(_written(catalogue), out, indent=1)
        out.flush()
        os.fsync(out.fileno())
    part.replace(file)
    return file


def _read(raw: Mapping[str, Any]) -> Catalogue:
    return Catalogue(
        {name: Shape(**shape) for name, shape in raw["types"].items()},
        {
            (market, region): Sheet(date.fromisoformat(sheet["as_of"]), sheet["usd_per_hour"])
            for market in MARKETS
            for region, sheet in raw[market.value].items()
        },
    )


def _written(catalogue: Catalogue) -> dict[str, Any]:
    shapes = {
        name: {"vcpus": s.vcpus, "memory_gib": s.memory_gib, "gpus": s.gpus, "gpu": s.gpu}
        for name, s in catalogue.shapes.items()
    }
    return {"types": shapes, **{market.value: dict(_sheets(catalogue, market)) for market in MARKETS}}


def _sheets(catalogue: Catalogue, market: Market) -> Iterator[tuple[str, dict[str, Any]]]:
    for (of, region), sheet in catalogue.sheets.items():
        if of is market:
            yield region, {"as_of": sheet.as_of.isoformat(), "usd_per_hour": dict(sheet.usd_per_hour)}
