"""How long the newest jobs have waited, for policies that learn from it."""

from __future__ import annotations

from collections.abc import Sequence

from ..domain.job import Attempt
from ..domain.past import StartedJob
from ..domain.pool import PoolRole
from ..placement.past import Prices
from ..placement.policies import learner
from ..placement.snapshot import PAST_JOBS, PastWait, QueuedJob
from .core import Core
from .forecasts import Forecasts


class PastWaits:
    """Reads the store only when a job has started or ended, and prices each job once, by what is known of it then."""

    def __init__(self, core: Core, forecasts: Forecasts) -> None:
        self._core = core
        self._forecasts = forecasts
        self._prices = Prices(runtime.pool for runtime in core.pools.values())
        self._learns = any(learner(policy) for policy in (core.policy, core.shadow) if policy is not None)
        self._seen: object = None
        self._known: dict[str, PastWait] = {}
        self._newest: tuple[PastWait, ...] = ()

    async def newest(self, live: Sequence[Attempt]) -> tuple[PastWait, ...]:
        """The newest started jobs, the same tuple until there are others; none at all if no policy learns."""
        if not self._learns:
            return ()
        started = [a.started_at for a in live if a.started_at is not None]
        seen = (self._core.ended, len(started), max(started, default=0.0))
        if seen != self._seen:
            rows = await self._core.db(self._core.store.started_jobs, PAST_JOBS)
            self._known = {r.submission_id: self._wait(r) for r in rows if r.pool in self._core.pools}
            self._newest = tuple(self._known.values())
            self._seen = seen
        return self._newest

    def _wait(self, job: StartedJob) -> PastWait:
        known = self._known.get(job.submission_id)
        if known is not None:
            return known
        burst = self._core.pools[job.pool].pool.role is PoolRole.BURST
        return self._prices.past_wait(self._queued(job), job.placed_at, job.started_at, burst=burst)

    def _queued(self, job: StartedJob) -> QueuedJob:
        forecast = self._forecasts.of_started(job)
        return QueuedJob(
            submission_id=job.submission_id,
            user=job.user,
            team=job.team,
            priority=job.priority,
            submitted_at=job.submitted_at,
            demand=job.demand,
            hints=job.hints,
            runtime_s=forecast.mean_s,
            runtime_source=forecast.source,
            may_burst=self._core.settings.team_may_burst(job.team),
            forecast=forecast,
        )
