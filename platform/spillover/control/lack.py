"""Node types that the cloud has no capacity for: nothing is placed on them for a while, and what waits there leaves.

Within its cluster Ray falls back to other types (node/capacity.py sees to it); here, to other pools.
"""

from __future__ import annotations

import logging

from ..domain.job import Attempt, AttemptStatus, Job
from ..domain.pool import Pool, PoolStatus
from ..errors import PoolError
from ..node.capacity import Holds
from ..placement.eligibility import takes_unit
from ..placement.packing import gang_of
from .core import SYSTEM, Core, PoolRuntime

log = logging.getLogger(__name__)

PATIENCE_S = 60.0
"""How long an attempt that has not begun waits for nodes of types that are all lacking."""


class Lack:
    """Asks each cluster that the cloud makes nodes for which launches have failed."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._holds: dict[str, Holds] = {}

    async def look(self, runtime: PoolRuntime, status: PoolStatus) -> None:
        """Note which node types are lacking now, and say so when that changes."""
        holds = self._holds.setdefault(runtime.pool.name, Holds(self._core.clock.now))
        if status is PoolStatus.UP:
            try:
                holds.see(await runtime.cluster.failed_launches())
            except PoolError as error:
                log.info("pool %s does not tell its failed launches: %s", runtime.pool.name, error)
        lacking = holds.now()
        if news := lacking - runtime.lacking:
            text = f"the cloud lacks capacity for {', '.join(sorted(news))}: tried again later, other types are used"
            event = self._core.event(SYSTEM, f"pool:{runtime.pool.name}", text)
            await self._core.db(self._core.store.add_event, event)
        runtime.lacking = lacking


def why_starved(job: Job, attempt: Attempt, runtime: PoolRuntime, now: float) -> str:
    """Why an attempt that has not begun should be taken back from its pool, or "" if it should not."""
    waits = attempt.status is AttemptStatus.HANDED and now - attempt.committed_at >= PATIENCE_S
    if not waits or not runtime.lacking:
        return ""
    useful = _useful(job, runtime.pool)
    if not useful or not useful <= runtime.lacking:
        return ""
    return f"Pool {runtime.pool.name} gets no {' and no '.join(sorted(useful))}: the cloud lacks capacity."


def _useful(job: Job, pool: Pool) -> frozenset[str]:
    """The node types on the job's markets that could hold some part of it."""
    units = [unit for _, unit in gang_of(job.demand)]
    allowed = [t for t in pool.node_types if not job.hints.markets or t.market.value in job.hints.markets]
    return frozenset(t.name for t in allowed if any(takes_unit(t, unit, job.demand) for unit in units))
