"""How long the newest jobs have waited, for policies that learn from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from ..domain.job import Attempt
from ..domain.past import StartedJob
from ..domain.pool import PoolRole
from ..placement.forecast import expected_runtime
from ..placement.past import Prices
from ..placement.policies import learner
from ..placement.snapshot import PAST_JOBS, PastWait, QueuedJob
from .core import Core

RunTimes = Callable[[str, str], Awaitable[Sequence[float]]]


class PastWaits:
    """Reads the store only when a job has started or ended, and prices each job once, by what is known of it then."""

    def __init__(self, core: Core, run_times: RunTimes) -> None:
        self._core = core
        self._run_times = run_times
        self._prices = Prices(runtime.pool for runtime in core.pools.values())
        self._seen: object = None
        self._known: dict[str, PastWait] = {}
        self._newest: tuple[PastWait, ...] = ()

    async def newest(self, live: Sequence[Attempt]) -> tuple[PastWait, ...]:
        """The newest started jobs, the same tuple until there are others; none at all if the policy does not learn."""
        if learner(self._core.policy) is None:
            return ()
        started = [a.started_at for a in live if a.started_at is not None]
        seen = (self._core.ended, len(started), max(started, default=0.0))
        if seen != self._seen:
            rows = await self._core.db(self._core.store.started_jobs, PAST_JOBS)
            self._known = {r.submission_id: await self._wait(r) for r in rows if r.pool in self._core.pools}
            self._newest = tuple(self._known.values())
            self._seen = seen
        return self._newest

    async def _wait(self, job: StartedJob) -> PastWait:
        known = self._known.get(job.submission_id)
        if known is not None:
            return known
        burst = self._core.pools[job.pool].pool.role is PoolRole.BURST
        return self._prices.past_wait(await self._queued(job), job.placed_at, job.started_at, burst=burst)

    async def _queued(self, job: StartedJob) -> QueuedJob:
        like = () if job.hints.runtime_s is not None else await self._run_times(job.team, job.entrypoint)
        runtime_s, source = expected_runtime(job.hints.runtime_s, like, self._core.settings.default_runtime_s)
        return QueuedJob(
            submission_id=job.submission_id,
            user=job.user,
            team=job.team,
            priority=job.priority,
            submitted_at=job.submitted_at,
            demand=job.demand,
            hints=job.hints,
            runtime_s=runtime_s,
            runtime_source=source,
            may_burst=self._core.settings.team_may_burst(job.team),
        )
