"""Who goes next: priority, then fair share between teams, then submit time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from heapq import heapify, heappop, heapreplace
from operator import attrgetter

from ..domain.resources import Demand, Resources
from .snapshot import PoolView, QueuedJob

_LEAST_CHARGE = 1e-6
"""What a job without demand is charged, so that teams still take turns."""

by_submit = attrgetter("submitted_at", "submission_id")


def in_order(
    jobs: Iterable[QueuedJob], held: Mapping[str, float], share: Callable[[QueuedJob], float]
) -> list[QueuedJob]:
    """The jobs in the order in which they are offered room.

    Higher priority goes first. Among equals, teams take turns by virtual time: each team stands at the dominant share
    that its live work holds (`held`), the lowest team goes next and is charged its job's `share`. A team's place is
    kept from one priority to the next. Within one team and priority the order is exactly submit order.
    """
    tiers: dict[int, list[QueuedJob]] = defaultdict(list)
    for job in sorted(jobs, key=by_submit):
        tiers[job.priority].append(job)
    clock = dict(held)
    order: list[QueuedJob] = []
    for priority in sorted(tiers, reverse=True):
        order += _take_turns(tiers[priority], clock, share)
    return order


def _take_turns(
    jobs: Sequence[QueuedJob], clock: dict[str, float], share: Callable[[QueuedJob], float]
) -> list[QueuedJob]:
    """Merge the teams' queues by virtual time; on equal standing the older job goes first. Moves `clock` on."""
    queues: dict[str, list[QueuedJob]] = defaultdict(list)
    for job in jobs:
        queues[job.team].append(job)
    heap = [(clock.get(team, 0.0), q[0].submitted_at, team, 0) for team, q in queues.items()]
    heapify(heap)
    order = []
    while heap:
        stands, _, team, at = heap[0]
        queue = queues[team]
        order.append(queue[at])
        clock[team] = stands = stands + max(share(queue[at]), _LEAST_CHARGE)
        if at + 1 < len(queue):
            heapreplace(heap, (stands, queue[at + 1].submitted_at, team, at + 1))
        else:
            heappop(heap)
    return order


def held_shares(pools: Sequence[PoolView], total: Resources) -> dict[str, float]:
    """The dominant share of `total` that each team's live work holds, over all pools."""
    sums: dict[str, Resources] = defaultdict(Resources)
    for view in pools:
        for work in view.work:
            sums[work.team] = sums[work.team].plus(_total(work.demand))
    return {team: amount.dominant_share(total) for team, amount in sums.items()}


@lru_cache(maxsize=4096)
def _total(demand: Demand) -> Resources:
    return demand.total()


def grand_total(pools: Sequence[PoolView]) -> Resources:
    """All that the pools could ever hold together, by the settings: steady, whatever is up at the moment."""
    total = Resources()
    for view in pools:
        for node_type in view.pool.node_types:
            total = total.plus(node_type.resources.times(node_type.max_nodes))
    return total
