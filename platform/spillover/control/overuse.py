"""What running jobs are seen to use, against what they declared."""

from __future__ import annotations

import logging
from collections import Counter

from ..domain.job import Attempt, Job, JobTarget
from ..domain.pool import Observation
from ..domain.resources import Demand, Resources
from .core import SYSTEM, Core

log = logging.getLogger(__name__)


def observed(seen: Observation, attempt_id: str) -> Demand | None:
    """What the attempt holds now, as a gang; None if nothing."""
    shapes = Counter(u.resources for u in seen.usage if u.owner == attempt_id and u.resources)
    if not shapes:
        return None
    return Demand(bundles=tuple((count, shape) for shape, count in sorted(shapes.items(), key=lambda i: str(i[0]))))


def excess(declared: Demand, used: Demand) -> Resources:
    """How much more is used than was declared, by resource."""
    return used.total().minus(declared.total())


class Overuse:
    """Remembers the largest use of each live job; warns, or stops, as the setting `on_overuse` says."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._largest: dict[str, Demand] = {}
        self._warned: set[str] = set()

    def largest(self, attempt_id: str) -> Demand | None:
        """The most that the attempt was seen to hold since we started."""
        return self._largest.get(attempt_id)

    async def look(self, job: Job, attempt: Attempt) -> None:
        """Note what the job holds now."""
        runtime = self._core.pools.get(attempt.pool)  # none once it has left the settings
        used = observed(runtime.seen, attempt.attempt_id) if runtime and runtime.seen else None
        if used is None:
            return
        before = self._largest.get(attempt.attempt_id)
        if before is None or sum(excess(before, used).values()) > 0:
            self._largest[attempt.attempt_id] = used
            await self._core.db(
                self._core.store.record_observed, job.team, job.request.entrypoint, used, self._core.clock.now()
            )
        over = excess(job.demand, used)
        if over and attempt.attempt_id not in self._warned:
            self._warned.add(attempt.attempt_id)
            await self._act(job, over)

    async def _act(self, job: Job, over: Resources) -> None:
        text = f"uses {over} more than its declared {job.demand}"
        if self._core.settings.stop_on_overuse and job.target is JobTarget.RUN:
            event = self._core.event(SYSTEM, job.submission_id, f"{text}: stopped, as on_overuse says")
            await self._core.db(self._core.store.set_target_stop, job.submission_id, event)
            return
        await self._core.db(self._core.store.add_event, self._core.event(SYSTEM, job.submission_id, text))
