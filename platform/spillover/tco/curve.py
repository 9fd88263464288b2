"""Total cost against on-prem size: what to own for one history, and what it costs to be wrong."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..errors import BadArgument
from .commit import Commitment, best_commitment
from .cost import Cost
from .history import Played
from .inputs import HOURS_PER_YEAR, Inputs
from .owned import owned_cost, storage_usd_per_hour
from .rented import COMMITMENTS, Plan, network_usd_per_hour, plan_usd


@dataclass(frozen=True, slots=True)
class Committed:
    """The rented part of one size with the best commitment: how many GPUs, and the total with it, in dollars a year."""

    plan: Plan
    gpus: float
    total_usd: float


@dataclass(frozen=True, slots=True)
class Point:
    """One size. Money is US dollars a year, rented on demand; `committed` is the same with a base load committed."""

    nodes: int
    utilisation: float
    mean_wait_h: float
    rented_gpu_hours: float
    owned_usd: float
    rented_usd: float
    waiting_usd: float
    committed: tuple[Committed, ...]

    @property
    def spent_usd(self) -> float:
        """What is paid."""
        return self.owned_usd + self.rented_usd

    @property
    def total_usd(self) -> float:
        """What is paid, and what waiting is worth."""
        return self.spent_usd + self.waiting_usd


def point(v: Inputs, played: Played) -> Point:
    """What a size costs in a year of such a history."""
    owned_usd, rented_usd, waiting_usd = year_of(v, played, owned_cost(v))
    total = owned_usd + rented_usd + waiting_usd
    return Point(
        nodes=played.nodes,
        utilisation=played.utilisation(v.gpus),
        mean_wait_h=played.mean_wait_h,
        rented_gpu_hours=played.rented_gpu_hours * played.per_year,
        owned_usd=owned_usd,
        rented_usd=rented_usd,
        waiting_usd=waiting_usd,
        committed=tuple(_committed(v, played, plan, total) for plan in COMMITMENTS),
    )


def year_of(v: Inputs, played: Played, owned: Cost) -> tuple[float, float, float]:
    """Dollars a year: owned, rented on demand, waited. Other prices than it was played at change the bill alone."""
    owned_usd = owned.usd_per_year(played.nodes * v.gpus, played.utilisation(v.gpus))
    compute = played.compute_usd * v.on_demand_usd / played.on_demand_usd
    egress = played.egress_usd * v.egress_usd_per_gb / played.egress_usd_per_gb if played.egress_usd_per_gb else 0.0
    around = network_usd_per_hour(v, 0.0) + storage_usd_per_hour(v, v.rented_storage_usd_per_gb_month)
    rented = compute * (1.0 + v.rented_network_share) + egress + played.rented_gpu_hours * around
    people = v.rented_engineers * v.engineer_usd_per_year if played.rented_gpu_hours > 0 else 0.0
    waiting = played.waited_hours * v.waiting_usd_per_hour
    return owned_usd, rented * played.per_year + people, waiting * played.per_year


def _committed(v: Inputs, played: Played, plan: Plan, total_usd: float) -> Committed:
    """Committed hours are paid for, and take as many on-demand hours off the bill as they are used."""
    price = plan_usd(v, plan)
    best: Commitment = best_commitment(played.rented_load, price / v.on_demand_usd, HOURS_PER_YEAR)
    saved = best.used_hours * v.on_demand_usd - best.paid_hours * price
    return Committed(plan, best.gpus, total_usd - saved)


@dataclass(frozen=True, slots=True)
class Wrong:
    """What it costs a year to own `nodes` more or fewer than the best: in dollars, and as a share of its total."""

    nodes: int
    extra_usd: float
    share: float


@dataclass(frozen=True, slots=True)
class Curve:
    """The sizes that were played, ascending."""

    points: tuple[Point, ...]

    @property
    def best(self) -> Point:
        """The cheapest; of equals the smallest."""
        return min(self.points, key=lambda p: p.total_usd)

    def total_at(self, nodes: float) -> float:
        """Dollars a year at a size, straight lines between those played; beyond the ends the nearest."""
        sizes = [p.nodes for p in self.points]
        at = bisect_left(sizes, nodes)
        if at == 0 or at == len(sizes):
            return self.points[min(at, len(sizes) - 1)].total_usd
        left, right = self.points[at - 1], self.points[at]
        way = (nodes - left.nodes) / (right.nodes - left.nodes)
        return left.total_usd + way * (right.total_usd - left.total_usd)

    def wrong_by(self, steps: Sequence[int] = (-8, -4, -2, 2, 4, 8)) -> tuple[Wrong, ...]:
        """The cost of being wrong by so many nodes, where such sizes lie within those played."""
        best, (first, last) = self.best, (self.points[0].nodes, self.points[-1].nodes)
        within = [step for step in steps if first <= best.nodes + step <= last]
        extras = [(step, self.total_at(best.nodes + step) - best.total_usd) for step in within]
        return tuple(Wrong(step, extra, extra / best.total_usd if best.total_usd else 0.0) for step, extra in extras)


Play = Callable[[int], Played]
"""Replays the history with so many owned nodes. The economics do not care how."""


def sweep(v: Inputs, play: Play, sizes: Sequence[int], closer: int = 0) -> Mapping[int, Played]:
    """The history at each size, ascending; `closer` times more, halfway between the best so far and its neighbours.

    Raises BadArgument without sizes.
    """
    if not sizes:
        raise BadArgument("there are no sizes to play; write --sizes FIRST:LAST:STEP")
    found = {nodes: play(nodes) for nodes in sorted(set(sizes))}
    for _ in range(closer):
        for nodes in _halfway(found, curve_of(v, found).best.nodes):
            found[nodes] = play(nodes)
    return dict(sorted(found.items()))


def curve_of(v: Inputs, played: Mapping[int, Played]) -> Curve:
    """The curve through what was played."""
    return Curve(tuple(point(v, played[nodes]) for nodes in sorted(played)))


def _halfway(found: Mapping[int, Played], best: int) -> list[int]:
    sizes = sorted(found)
    at = sizes.index(best)
    near = [sizes[i] for i in (at - 1, at + 1) if 0 <= i < len(sizes)]
    middles = {(best + other) // 2 for other in near}
    return sorted(middles - found.keys())
