"""What rented and owned accelerators cost, from files: a list of ours, or a catalogue by instance type."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Any

from ..errors import BadArgument
from .world import World

KEYS = {"on_demand": "on_demand_usd", "spot": "spot_usd", "owned": "owned_usd", "egress_per_gb": "egress_usd_per_gb"}
"""What a price file may name, and where the world has it: US dollars for a GPU and hour, or for a GB that leaves."""

_REGION = "us-east-1"
_DEFAULT = "p3.16xlarge"


@dataclass(frozen=True)
class Prices:
    """Prices by the names of the world's fields, and in a sentence where they come from."""

    usd: Mapping[str, float]
    source: str

    def put_on(self, world: World) -> World:
        """The world with these prices."""
        changes: dict[str, Any] = dict(self.usd)
        return replace(world, **changes)


def default_source(world: World) -> str:
    """What the world's own prices are, where nothing else was said."""
    return (
        f"prices: ${world.on_demand_usd:g} a GPU-hour on demand, ${world.spot_usd:g} on spot, as AWS asked for a V100 "
        f"(p3) in {_REGION}; --prices takes others, `--instance {_DEFAULT}` those of the catalogue"
    )


def read_prices(path: Path | None, instance: str | None, region: str = _REGION) -> Prices:
    """The prices of a file; of one instance type where the file, or without one the package, is a catalogue.

    A file has `on_demand`, `spot`, `owned`, `egress_per_gb` as YAML or JSON, or as CSV with a row `market,usd` each.
    Raises BadArgument.
    """
    if path is None:
        raw = json.loads((files("spillover") / "data" / "prices" / "aws.json").read_text())
        return _of_instance(raw, instance or _DEFAULT, region, "the package's catalogue")
    raw = _load(path)
    if "types" in raw:
        if instance is None:
            raise BadArgument(f"{path.name} is a catalogue: say which type is rented, such as --instance {_DEFAULT}")
        return _of_instance(raw, instance, region, path.name)
    if instance is not None:
        raise BadArgument(f"{path.name} is no catalogue of instance types, so --instance {instance} says nothing")
    return _of_list(raw, path)


def _load(path: Path) -> Mapping[str, Any]:
    import yaml  # noqa: PLC0415  # only where a file is read

    try:
        text = path.read_text()
        raw = _rows(text) if path.suffix.lower() == ".csv" else yaml.safe_load(text)
    except OSError as error:
        raise BadArgument(f"prices {path} cannot be read: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise BadArgument(f"prices {path} are neither YAML nor JSON: {error}") from None
    if not isinstance(raw, Mapping):
        raise BadArgument(f"prices {path} hold no names with prices; write 'on_demand: 2.5'")
    return raw


def _rows(text: str) -> dict[str, str]:
    """Name and price of each row; a header has no price and is left out."""
    rows = [row for row in csv.reader(text.splitlines()) if len(row) >= 2]
    header = bool(rows) and rows[0][1].strip().replace(".", "", 1).isdigit() is False
    return {row[0].strip(): row[1].strip() for row in rows[1 if header else 0 :]}


def _of_list(raw: Mapping[str, Any], path: Path) -> Prices:
    usd = {}
    for name, value in raw.items():
        if name not in KEYS:
            near = get_close_matches(str(name), KEYS, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(KEYS)}"
            raise BadArgument(f"prices {path.name}: nothing is called '{name}'; {hint}")
        usd[KEYS[name]] = _price(value, f"prices {path.name}: {name}")
    told = ", ".join(f"{name} ${usd[field]:g}" for name, field in KEYS.items() if field in usd)
    return Prices(usd, f"prices: {told or 'none'} from {path.name}; US dollars a GPU-hour, egress a GB")


def _price(value: Any, what: str) -> float:
    try:
        price = float(value)
    except (TypeError, ValueError):
        price = -1.0
    if not 0.0 <= price < float("inf"):
        raise BadArgument(f"{what} is {value!r}; write US dollars, such as 2.5")
    return price


def _of_instance(raw: Mapping[str, Any], instance: str, region: str, source: str) -> Prices:
    types = {name: shape for name, shape in raw["types"].items() if shape.get("gpus")}
    if instance not in types:
        near = get_close_matches(instance, types, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"it has {', '.join(types)}"
        raise BadArgument(f"{source} has no type with GPUs that is called '{instance}'; {hint}")
    gpus = float(types[instance]["gpus"])
    usd, told = {}, []
    for market in ("on_demand", "spot"):
        sheet = raw.get(market, {}).get(region, {})
        price = sheet.get("usd_per_hour", {}).get(instance)
        if price is not None:
            usd[KEYS[market]] = price / gpus
            told.append(f"{market.replace('_', ' ')} ${price / gpus:.4g} (of {sheet['as_of']})")
    if "on_demand_usd" not in usd:
        known = [place for place, sheet in raw["on_demand"].items() if instance in sheet["usd_per_hour"]]
        where = f"it does in {', '.join(known)}: --region {known[0]}" if known else "nor anywhere else"
        raise BadArgument(f"{source} has no price of {instance} on demand in {region}; {where}")
    return Prices(usd, f"prices a GPU-hour of {instance} in {region}: {', '.join(told)}, from {source}")
