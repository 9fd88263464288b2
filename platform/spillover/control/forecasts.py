"""Run times as they are learnt live: from the store at first, then from each job that starts or ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence

from ..domain.job import Attempt, Job, JobStatus
from ..domain.past import PastRun, StartedJob
from ..placement.forecast import Ending, Forecast
from ..placement.learning import Learner
from ..placement.likeness import Like, like_of
from .core import Core

RECALLED = 3000
"""So many of the newest runs are told to it at the start; that takes about 0.2 s."""

_LATE_S = 3600.0
"""An end may be noted so much later than it happened: pools that did not answer for a while."""

_MOST_LIKES = 100_000
_TURN_S = 0.01


class Forecasts:
    """Learns between passes, so that all jobs of a pass are seen by the same knowledge."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._learner = Learner(core.settings.default_runtime_s)
        self._one = asyncio.Lock()
        self._seen_ends = -1
        self._told: dict[str, float] = {}
        self._likes: dict[str, Like] = {}
        self._endings: dict[str, Ending] = {}

    async def learn(self, active: Iterable[Job], live: Iterable[Attempt]) -> None:
        """Note what has ended since the last time, and which of the active jobs run now."""
        await self.ready()
        running = {job.submission_id: job for job in active if job.status is not JobStatus.STARTING}
        begun = {a.submission_id: a.started_at for a in live if a.started_at is not None}
        now = self._core.clock.now()
        for name in self._learner.running - running.keys():
            self._learner.pause(name, now)
        for name in (running.keys() & begun.keys()) - self._learner.running:
            job = running[name]
            self._learner.start(name, self._like(job), job.hints.runtime_s, begun[name], now)

    async def ready(self) -> None:
        """Know all that has ended by now."""
        async with self._one:
            if self._seen_ends != self._core.ended:
                await self._learn_ends()

    async def _learn_ends(self) -> None:
        ended, first = self._core.ended, self._seen_ends < 0
        after = max(self._told.values(), default=_LATE_S) - _LATE_S
        runs = await self._core.db(self._core.store.past_runs, after, RECALLED)
        fresh = [run for run in runs if run.submission_id not in self._told]
        if first:  # nobody asks before that is done, and it takes long enough to hold up the gateway
            await self._core.db(self._tell, fresh)
            self._learner.refresh(self._core.clock.now())
        else:
            self._tell(fresh)
        newest = max((run.ended_at for run in runs), default=0.0)
        self._told = {run.submission_id: run.ended_at for run in runs if run.ended_at >= newest - _LATE_S}
        self._seen_ends = ended

    def _tell(self, runs: Iterable[PastRun]) -> None:
        now = self._core.clock.now()
        for run in runs:
            self._likes.pop(run.submission_id, None)
            self._endings.pop(run.submission_id, None)
            if not run.by_itself:
                self._learner.cut(run.submission_id, run.run_s, now)
            elif self._learner.knows(run.submission_id):
                self._learner.end(run.submission_id, run.run_s, now)
            else:
                env = run.runtime_env
                like = like_of(run.team, run.user, run.demand, run.submitted_at, run.entrypoint, env)
                self._learner.recall(like, run.hints.runtime_s, run.run_s)

    async def of_all(self, jobs: Sequence[Job]) -> list[Forecast]:
        """What is known of the run time of each. The event loop is not held up: after a restart all is asked anew."""
        found, began = [], time.perf_counter()
        for job in jobs:
            found.append(self.of(job))
            if time.perf_counter() - began > _TURN_S:
                await asyncio.sleep(0)
                began = time.perf_counter()
        return found

    def of(self, job: Job) -> Forecast:
        """What is known of the job's run time."""
        return self._learner.forecast(self._like(job), job.hints.runtime_s)

    def of_started(self, job: StartedJob) -> Forecast:
        """What is known now of the run time of a job that has started."""
        like = like_of(job.team, job.user, job.demand, job.submitted_at, job.entrypoint)
        return self._learner.forecast(like, job.hints.runtime_s)

    def ends_at(self, job: Job, began_at: float) -> float:
        """When a job that runs since then is expected to end (Unix seconds)."""
        ending = self._endings.setdefault(job.submission_id, Ending())
        return ending.at(self.of(job), began_at, self._core.clock.now())

    def _like(self, job: Job) -> Like:
        like = self._likes.get(job.submission_id)
        if like is None:
            if len(self._likes) >= _MOST_LIKES:  # of jobs that were stopped before they ran, most likely
                self._likes.clear()
            request = job.request
            like = like_of(job.team, job.user, job.demand, job.submitted_at, request.entrypoint, request.runtime_env)
            self._likes[job.submission_id] = like
        return like
