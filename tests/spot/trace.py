"""Which nodes a recorded spot market would have let us have, and when.

Availability and prices were recorded in the same zones, but years apart: a zone has one price here, its mean over time.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from spillover.backtest.spot import read_spot

FOLDER = Path(__file__).parents[2].parent / "shared" / "traces" / "spot"
INSTANCE_TYPE = "p3.2xlarge"  # one V100, as the zones' records are of
ON_DEMAND_USD = 3.06  # an hour of it in us-east-1, us-east-2 and us-west-2
ON_DEMAND = "on demand"


@dataclass(frozen=True)
class Stretch:
    """A time in which the same nodes are had, each in a zone of its own. In seconds from the trace's begin."""

    begin_s: float
    end_s: float
    nodes: frozenset[str]

    @property
    def seconds(self) -> float:
        return self.end_s - self.begin_s


@dataclass(frozen=True)
class Market:
    """Zones side by side: whether an instance could be had at each tick, and what an hour of it costs (USD)."""

    tick_s: float
    had: Mapping[str, Sequence[bool]]
    usd: Mapping[str, float]

    def fleet(self, nodes: int, zones: Collection[str] = (), *, on_demand: bool = False) -> list[Stretch]:
        """Up to so many nodes, each in the cheapest zone that has one when it is needed; it stays until it is taken.

        With as many zones as nodes, each zone's trace is one node. With `on_demand`, what no zone has is rented so.
        """
        order = sorted(zones or self.had, key=lambda zone: (self.usd[zone], zone))
        ticks = min(len(self.had[zone]) for zone in order)
        used: frozenset[str] = frozenset()
        found = []
        for tick in range(ticks):
            free = [zone for zone in order if self.had[zone][tick]]
            kept = [zone for zone in free if zone in used]
            used = frozenset((kept + [zone for zone in free if zone not in used])[:nodes])
            extra = {f"{ON_DEMAND} {k}" for k in range(nodes - len(used))} if on_demand else set()
            found.append(used | extra)
        return _stretches(found, self.tick_s)

    def price(self, node: str) -> float:
        """Of an hour of a node, in USD."""
        return ON_DEMAND_USD if node.startswith(ON_DEMAND) else self.usd[node]


def _stretches(by_tick: Sequence[frozenset[str]], tick_s: float) -> list[Stretch]:
    changes = [tick for tick in range(1, len(by_tick)) if by_tick[tick] != by_tick[tick - 1]]
    return [
        Stretch(begin * tick_s, end * tick_s, by_tick[begin]) for begin, end in pairwise([0, *changes, len(by_tick)])
    ]


def taken(stretches: Sequence[Stretch]) -> int:
    """How many nodes are taken away between the first and the last of them."""
    return sum(len(before.nodes - after.nodes) for before, after in pairwise(stretches))


def segment(stretches: Sequence[Stretch], nodes: int, least_s: float, most_s: float) -> tuple[list[Stretch], float]:
    """The part that takes most nodes away once it is compressed to `most_s`, and by what factor it is.

    All of its time is divided by one factor. It begins and ends with `least_s`, no stretch is shorter, all nodes are
    there at the begin, and never none. Of equal ones the earliest with the most changes.
    """
    best: tuple[int, int, int, int] | None = None  # nodes taken, changes, how early, to where
    for first in range(len(stretches)):
        if len(stretches[first].nodes) < nodes:
            continue
        for last in range(first + 1, len(stretches)):
            part = stretches[first : last + 1]
            if not part[-1].nodes or sum(_compressed_s(part, least_s)) > most_s:
                break
            if min(part[0].seconds, part[-1].seconds) >= _shortest(part):
                best = max(best or (0, 0, 0, 0), (taken(part), len(part), -first, last))
    if best is None or best[0] == 0:
        raise ValueError(f"no part of the trace fits into {most_s:g} s with {least_s:g} s between events; allow more")
    part = stretches[-best[2] : best[3] + 1]
    return list(_compressed(part, least_s)), _shortest(part) / least_s


def _shortest(part: Sequence[Stretch]) -> float:
    """Of the stretches between two changes; the first and the last are cut to it."""
    return min((each.seconds for each in part[1:-1]), default=min(part[0].seconds, part[-1].seconds))


def _compressed_s(part: Sequence[Stretch], least_s: float) -> list[float]:
    factor = _shortest(part) / least_s
    return [least_s, *(each.seconds / factor for each in part[1:-1]), least_s]


def _compressed(part: Sequence[Stretch], least_s: float) -> Iterable[Stretch]:
    begin = 0.0
    for each, seconds in zip(part, _compressed_s(part, least_s), strict=True):
        yield Stretch(begin, begin + seconds, each.nodes)
        begin += seconds


def read_market(folder: Path = FOLDER) -> Market:
    """The zones that were recorded together. Raises FileNotFoundError where no trace is at hand."""
    if not folder.exists():
        raise FileNotFoundError(f"the spot traces are not at hand: there is no {folder}")
    zones = read_spot(folder).zones
    had = {zone.name: tuple(bool(count) for count in zone.free) for zone in zones}
    known = zone_prices(folder / "price" / "aws_spot_price_p2_p3_2019-2020.csv")
    return Market(zones[0].tick_s, had, {zone: _price(zone, known) for zone in had})


def _price(zone: str, known: Mapping[str, float]) -> float:
    """Its own, or where none was recorded (us-east-1a) the mean of its region's zones."""
    region = [usd for other, usd in known.items() if other[:-1] == zone[:-1]]
    return known.get(zone, sum(region) / len(region))


def zone_prices(path: Path) -> dict[str, float]:
    """The mean price over time (USD an hour) by zone: a price holds until the next row of its zone."""
    changes: dict[str, list[tuple[float, float]]] = defaultdict(list)
    with path.open(newline="") as lines:
        for row in csv.DictReader(lines):
            if row["instance_type"] == INSTANCE_TYPE:
                at = datetime.fromisoformat(row["timestamp_utc"]).timestamp()
                changes[row["availability_zone"]].append((at, float(row["usd_per_h"])))
    return {zone: _mean(sorted(found)) for zone, found in changes.items() if len(found) > 1}


def _mean(changes: Sequence[tuple[float, float]]) -> float:
    held = [(until - at, usd) for (at, usd), (until, _) in pairwise(changes)]
    return sum(seconds * usd for seconds, usd in held) / sum(seconds for seconds, _ in held)
