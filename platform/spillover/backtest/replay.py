"""Plays a trace through `placement.place.decide`, event by event."""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import count

from ..domain.decision import Decision, Verdict
from ..domain.pool import Pool, PoolRole
from ..domain.terms import Terms
from ..placement.codes import Reason
from ..placement.forecast import Forecast
from ..placement.learning import Learner
from ..placement.likeness import Like, like_of
from ..placement.past import Prices
from ..placement.place import decide
from ..placement.policies import Policy, learner
from ..placement.snapshot import PAST_JOBS, PastWait, QueuedJob, Snapshot
from .cluster import Cluster, Placed, market_of, share_usd
from .timing import Timing, timing_of
from .trace import JobRun, Replay, TraceJob

_STEER_S = 30.0
"""A steered policy's mind changes while jobs wait, though nothing else happens: it is asked again after so long."""


def replay(
    trace: Sequence[TraceJob],
    pools: Sequence[Pool],
    policy: Policy,
    *,
    default_runtime_s: float = 3600.0,
    timings: Mapping[str, Timing] | None = None,
    terms: Terms | None = None,
) -> Replay:
    """How the trace would have gone on these pools under this policy.

    The code that decides is the code that runs live; only the pools are simulated. Every node of a baseline pool is
    up all the time and is paid for over the whole makespan. A rented node costs money from its request, is up after
    its start-up and is folded after `idle_timeout_s` without work. Jobs run for exactly their `runtime_s`. `timings`
    say how long it really takes to start nodes, to dispatch a job, and to give its room back (see `timing.measure`);
    without, new nodes take the settings' `startup_s` and all else no time. Decisions expect what the settings say, and
    assume of jobs what `terms` do.
    """
    return _Run(trace, pools, policy, default_runtime_s, timings or {}, terms or Terms()).run()


def cloud_only(pools: Sequence[Pool]) -> tuple[Pool, ...]:
    """The rented pools alone: replayed with the policy `immediate`, this is "always cloud"."""
    return tuple(pool for pool in pools if pool.role is PoolRole.BURST)


class _Run:
    """One replay."""

    def __init__(
        self,
        trace: Sequence[TraceJob],
        pools: Sequence[Pool],
        policy: Policy,
        default_runtime_s: float,
        timings: Mapping[str, Timing],
        terms: Terms,
    ) -> None:
        self._terms = terms
        self._arrivals = sorted(trace, key=lambda job: (job.submitted_at, job.submission_id), reverse=True)
        self._clusters = {pool.name: Cluster(pool, timing_of(timings, pool)) for pool in pools}
        self._policy = policy
        self._learns = learner(policy) is not None
        self._queue: dict[str, TraceJob] = {}
        self._learner = Learner(default_runtime_s)
        self._prices = Prices(pools)
        self._past: deque[PastWait] = deque(maxlen=PAST_JOBS)
        self._starting: list[tuple[Placed, bool]] = []
        self._ends: list[tuple[float, int, Cluster, Placed]] = []
        self._tie = count()
        self._wake: float | None = None
        self._runs: list[JobRun] = []
        self._decisions = 0

    def run(self) -> Replay:
        """Play until nothing can happen any more."""
        first = self._arrivals[-1].submitted_at if self._arrivals else 0.0
        for cluster in self._clusters.values():
            cluster.begin(first)
        now: float | None = first if self._arrivals else None
        while now is not None:
            self._step(now)
            now = self._next(now)
        return self._result()

    def _step(self, now: float) -> None:
        self._end_jobs(now)
        while self._arrivals and self._arrivals[-1].submitted_at <= now:
            job = self._arrivals.pop()
            self._queue[job.submission_id] = job
        # Nodes that have just come up serve those who wait for them before anything new is decided.
        self._settle(now)
        self._decide(now)
        self._settle(now)
        for cluster in self._clusters.values():
            cluster.fold(now)

    def _end_jobs(self, now: float) -> None:
        self._learn(now)
        while self._ends and self._ends[0][0] <= now:
            _, _, cluster, placed = heapq.heappop(self._ends)
            cluster.end(placed, now)
            self._learner.end(placed.job.submission_id, placed.job.runtime_s, now)
            self._runs.append(_job_run(cluster, placed))

    def _settle(self, now: float) -> None:
        for cluster in self._clusters.values():
            for placed in cluster.settle(now):
                freed_at = placed.ends_at + cluster.timing.release_s
                heapq.heappush(self._ends, (freed_at, next(self._tie), cluster, placed))
                self._starting.append((placed, cluster.burst))

    def _decide(self, now: float) -> None:
        self._wake = None
        if not self._queue:
            return
        self._learn(now)
        jobs = tuple(self._queued(job) for job in self._queue.values())
        for placed in (p for cluster in self._clusters.values() for p in cluster.placed.values()):
            placed.forecast = self._forecast(placed.job)
        views = tuple(cluster.view(now) for cluster in self._clusters.values())
        queued = {job.submission_id: job for job in jobs}
        for decision in decide(Snapshot(now, jobs, views, tuple(self._past), self._terms), self._policy):
            self._decisions += 1
            if decision.verdict is Verdict.TAKE:
                self._hand_over(decision, queued[decision.submission_id])
                continue
            if decision.until is not None and decision.until > now:
                self._wake = min(decision.until, self._wake or decision.until)
            if self._learns and self._ends and decision.reason != Reason.NEVER_FITS:
                self._wake = min(now + _STEER_S, self._wake or math.inf)

    def _learn(self, now: float) -> None:
        """What is learnt of a job from its start on: that it runs, and how long it waited."""
        begun = [(placed, burst) for placed, burst in self._starting if (placed.started_at or 0.0) <= now]
        for placed, burst in begun:
            started_at, job = placed.started_at or 0.0, placed.job
            self._learner.start(job.submission_id, _like(job), job.hints.runtime_s, started_at, now)
            if self._learns:
                self._past.append(self._prices.past_wait(placed.queued, placed.placed_at, started_at, burst=burst))
            self._starting.remove((placed, burst))

    def _forecast(self, job: TraceJob) -> Forecast:
        return self._learner.forecast(_like(job), job.hints.runtime_s)

    def _queued(self, job: TraceJob) -> QueuedJob:
        forecast = self._forecast(job)
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
            may_burst=job.may_burst,
            forecast=forecast,
        )

    def _hand_over(self, decision: Decision, queued: QueuedJob) -> None:
        job = self._queue.pop(decision.submission_id)
        cluster = self._clusters[decision.pool or ""]
        cluster.place(Placed(job, queued, decision.node_type or "", decision.at), decision.at)

    def _next(self, now: float) -> float | None:
        """The next moment at which anything can change."""
        times = [t for cluster in self._clusters.values() if (t := cluster.next_event(now)) is not None]
        times += [self._ends[0][0]] if self._ends else []
        times += [self._arrivals[-1].submitted_at] if self._arrivals else []
        times += [self._wake] if self._wake is not None else []
        return min(times, default=None)

    def _result(self) -> Replay:
        runs = tuple(sorted(self._runs, key=lambda run: (run.submitted_at, run.submission_id)))
        over = max((run.ended_at for run in runs), default=0.0)
        spent = {True: 0.0, False: 0.0}
        for cluster in self._clusters.values():
            spent[cluster.burst] += cluster.spent_usd(over)
        pending = [name for cluster in self._clusters.values() for name in cluster.placed]
        left = tuple(sorted([*self._queue, *pending]))
        return Replay(self._policy.name, runs, spent[False], spent[True], self._decisions, left)


@lru_cache(maxsize=65536)
def _like(job: TraceJob) -> Like:
    return like_of(job.team, job.user, job.demand, job.submitted_at, job.entrypoint)


def _job_run(cluster: Cluster, placed: Placed) -> JobRun:
    job = placed.job
    return JobRun(
        submission_id=job.submission_id,
        team=job.team,
        pool=cluster.pool.name,
        node_type=placed.node_type,
        market=market_of(cluster.pool, placed.node_type),
        burst=cluster.burst,
        submitted_at=job.submitted_at,
        started_at=placed.started_at or 0.0,
        ended_at=placed.ends_at,
        cost_usd=share_usd(placed, job.runtime_s),
        placed_at=placed.placed_at,
    )
