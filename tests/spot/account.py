"""What interruptions cost a long run: from a trace at its own time scale, and from what one interruption was seen to cost.

Computed, not run. A node works as fast as any other, and the run as fast as it has nodes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from spot.trace import ON_DEMAND, ON_DEMAND_USD, Stretch

NEAR = 0.85
DAY_S = 86400.0


@dataclass(frozen=True)
class Costs:
    """Seconds. `lost` is training to be done again, `idle` is without any; `join` is paid for before a new node works."""

    idle_s: float
    lost_s: float
    stall_s: float
    grow_idle_s: float
    grow_lost_s: float
    join_s: float

    @property
    def a_loss_s(self) -> float:
        """All nodes' time that goes with a node."""
        return self.idle_s + self.lost_s + self.stall_s

    @property
    def a_growth_s(self) -> float:
        """All nodes' time that a node's joining takes."""
        return self.grow_idle_s + self.grow_lost_s


@dataclass(frozen=True)
class Account:
    """Shares of what as many nodes without interruption do in the same time, or cost on demand for the same work."""

    interruptions: int
    had: float  # node time that the market gave
    velocity: float
    wasted: float  # of the node time that was had
    usd: float
    near: float  # of all days, beginning at each full hour, those with a velocity of NEAR and more


def account(stretches: Sequence[Stretch], nodes: int, costs: Costs, price: Callable[[str], float]) -> Account:
    """Of a run over the whole time. `price`: USD an hour of a node in a zone."""
    work = [_work_s(before, after, costs) / nodes for before, after in zip([None, *stretches], stretches, strict=False)]
    whole_s = stretches[-1].end_s - stretches[0].begin_s
    had_s = sum(len(each.nodes) * each.seconds for each in stretches) / nodes
    paid = sum(each.seconds / 3600 * sum(price(node) for node in each.nodes) for each in stretches)
    velocity = sum(work) / whole_s
    return Account(
        interruptions=sum(len(_spot(before) - _spot(after)) for before, after in pairwise(stretches)),
        had=had_s / whole_s,
        velocity=velocity,
        wasted=1 - sum(work) / had_s,
        usd=paid / (sum(work) * nodes / 3600 * ON_DEMAND_USD),
        near=_near(stretches, work),
    )


def _work_s(before: Stretch | None, now: Stretch, costs: Costs) -> float:
    """Node-seconds of training done in a stretch, after what its begin has cost."""
    gone = _spot(before) - _spot(now) if before else frozenset()
    come = now.nodes - before.nodes if before else now.nodes
    away = costs.a_loss_s * bool(gone) + costs.a_growth_s * bool(come)
    joining = len(come) * min(costs.join_s, now.seconds)
    return max(0.0, len(now.nodes) * (now.seconds - away) - joining)


def _spot(stretch: Stretch) -> frozenset[str]:
    """An on-demand node that is given up for a spot one goes when that one works: it interrupts nothing."""
    return frozenset(node for node in stretch.nodes if not node.startswith(ON_DEMAND))


def _near(stretches: Sequence[Stretch], work: Sequence[float]) -> float:
    """Of the days that begin at each full hour, the share in which as much was done as within 15% of dedicated nodes."""
    begins = [each.begin_s for each in stretches]
    done = list(accumulate(work, initial=0.0))

    def until(at_s: float) -> float:
        k = bisect_right(begins, at_s) - 1
        return done[k] + work[k] * (at_s - begins[k]) / stretches[k].seconds

    hours = range(int((stretches[-1].end_s - DAY_S) // 3600) + 1)
    days = [until(hour * 3600.0 + DAY_S) - until(hour * 3600.0) for hour in hours]
    return sum(day >= NEAR * DAY_S for day in days) / len(days)
