"""Recorded spot markets: when instances could be had, zone by zone, and what they cost."""

from __future__ import annotations

import csv
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from ..errors import BadArgument
from .world import SpotZone

_NAME = re.compile(r"(?:.*__)?aws-(?P<day>[\d-]+)__(?P<zone>[a-z0-9-]+)_(?P<gpu>[a-z0-9]+)_(?P<gpus>\d+)\.json")
_FAMILY = {"v100": "p3", "k80": "p2"}
_GPUS = {"p3.2xlarge": 1, "p3.8xlarge": 4, "p3.16xlarge": 8, "p2.xlarge": 1, "p2.8xlarge": 8, "p2.16xlarge": 16}


@dataclass(frozen=True)
class SpotTraces:
    """Zones that can be replayed side by side, and the price of an accelerator there, None if none is known."""

    zones: tuple[SpotZone, ...]
    usd: float | None
    source: str


def read_spot(folder: Path) -> SpotTraces:
    """The largest set of files under `availability/` that start together, with the prices under `price/`.

    A file is JSON, `{"metadata": {"gap_seconds": G}, "data": [n0, n1, ...]}`: instances that could be had at tick
    k x G seconds. Raises BadArgument.
    """
    together: dict[tuple[str, str, str], list[Path]] = defaultdict(list)
    for path in sorted(folder.glob("availability/*.json")):
        match = _NAME.fullmatch(path.name)
        if match:
            together[match["day"], match["gpu"], match["gpus"]].append(path)
    if not together:
        example = "availability/1-node__aws-02-15-2023__us-east-1a_v100_1.json"
        raise BadArgument(f"--spot-trace {folder}: no file in it is named as {example}")
    (day, gpu, gpus), paths = max(together.items(), key=lambda found: len(found[1]))
    zones = tuple(_zone(path) for path in paths)
    usd, priced = _price(folder, gpu)
    left = sum(map(len, together.values())) - len(paths)
    begin = datetime.strptime(day, "%m-%d-%Y").date()  # noqa: DTZ007  # a day has no zone
    told = f"spot: {len(zones)} zones with {gpus} {gpu.upper()} from {begin}, {priced}"
    return SpotTraces(zones, usd, told + (f"; {left} other files do not start with them" if left else ""))


def _zone(path: Path) -> SpotZone:
    match = _NAME.fullmatch(path.name)
    try:
        raw = json.loads(path.read_text())
        free = np.array(raw["data"], dtype=np.float64)
        return SpotZone(match["zone"] if match else path.stem, float(raw["metadata"]["gap_seconds"]), free)
    except (ValueError, KeyError, TypeError) as error:
        raise BadArgument(f"{path} is no spot trace: {error!r}; it has metadata.gap_seconds and data") from None


def _price(folder: Path, gpu: str) -> tuple[float | None, str]:
    """The median over the zones' own medians in time, for one accelerator of the family."""
    family = _FAMILY.get(gpu, "")
    rows = [row for path in sorted(folder.glob("price/*.csv")) for row in _rows(path)]
    rows = [row for row in rows if family and row["instance_type"].startswith(f"{family}.")]
    if not rows:
        return None, f"priced as without, for price/*.csv has none of {gpu.upper()}"
    medians = [_median_in_time(changes) for changes in _by_market(rows).values()]
    usd = float(f"{np.median(medians):.4g}")
    first, last = min(row["timestamp_utc"] for row in rows)[:10], max(row["timestamp_utc"] for row in rows)[:10]
    return usd, (
        f"at ${usd:g} a GPU-hour: the median of {family} over zones and time from {first} to {last}, since prices and "
        "availability were not recorded at the same time"
    )


def _rows(path: Path) -> Iterable[Mapping[str, str]]:
    with path.open(newline="") as lines:
        yield from csv.DictReader(lines)


def _by_market(rows: Iterable[Mapping[str, str]]) -> dict[tuple[str, str], list[tuple[float, float]]]:
    """Changes (Unix seconds, US dollars a GPU-hour) by type and zone."""
    found: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for row in rows:
        kind = row["instance_type"]
        if kind in _GPUS:
            at = datetime.fromisoformat(row["timestamp_utc"]).timestamp()
            found[kind, row["availability_zone"]].append((at, float(row["usd_per_h"]) / _GPUS[kind]))
    return found


def _median_in_time(changes: list[tuple[float, float]]) -> float:
    """The price that holds at least half of the time. A price holds until the next change."""
    changes.sort()
    if len(changes) == 1:
        return changes[0][1]
    at, price = np.array(changes).T
    held, order = np.diff(at), np.argsort(price[:-1], kind="stable")
    share = np.cumsum(held[order]) / max(held.sum(), 1e-9)
    return float(price[:-1][order][np.searchsorted(share, 0.5)])
