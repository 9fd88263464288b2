"""How long a job waits, as a distribution: the queue played forward many times, each time with other run times."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from ..domain.decision import Decision, Verdict
from ..domain.pool import PoolRole
from .place import decide
from .policies.base import Policy
from .policies.never import Never
from .snapshot import LiveWork, PoolView, QueuedJob, Snapshot

PLAYS = 31
"""So many times the queue is played: the 10% and 90% quantiles are then the 4th and the 28th of the outcomes."""

AHEAD = 100
"""So many jobs ahead are played with, the first ones: behind more, a wait varies less."""


class WaitSpread(NamedTuple):
    """Seconds until a job starts: the median, and between which 8 of 10 lie. Infinite: no start is in sight."""

    low_s: float
    median_s: float
    high_s: float


def wait_spread(job: QueuedJob, snapshot: Snapshot, policy: Policy) -> WaitSpread:
    """The wait of a job behind all that wait, as the policy decides about them now.

    Jobs that burst are out of the way. Of those ahead that wait, and of all that run, the run time is drawn anew in
    each play; nobody comes later and passes. Pure: the draws are the same each time.
    """
    jobs = (*(other for other in snapshot.jobs if other.submission_id != job.submission_id), job)
    decided = decide(replace(snapshot, jobs=jobs), policy)
    mine = next(d for d in decided if d.submission_id == job.submission_id)
    if mine.verdict is Verdict.TAKE:
        delay_s = (mine.expected_start_at or mine.at) - mine.at
        return WaitSpread(delay_s, delay_s, delay_s)
    ahead, draw = _ahead(job, jobs, decided, snapshot.pools), random.Random(0)  # noqa: S311 -- the same each time
    owned = [view for view in snapshot.pools if view.pool.role is not PoolRole.BURST]
    queues = zip(*(_drawn_jobs(other, draw) for other in (*ahead, job)), strict=True)
    pools = zip(*(_drawn_pools(view, snapshot.at, draw) for view in owned), strict=True) if owned else [()] * PLAYS
    plays = [replace(snapshot, jobs=queue, pools=views) for queue, views in zip(queues, pools, strict=True)]
    waits = sorted(_wait(job, play) for play in plays)
    return WaitSpread(waits[PLAYS // 10], waits[PLAYS // 2], waits[-1 - PLAYS // 10])


def _ahead(
    job: QueuedJob, jobs: Sequence[QueuedJob], decided: Sequence[Decision], pools: Sequence[PoolView]
) -> list[QueuedJob]:
    """Those that take or want owned room before it."""
    rented = {view.pool.name for view in pools if view.pool.role is PoolRole.BURST}
    known = {other.submission_id: other for other in jobs}
    before: list[QueuedJob] = []
    for decision in decided:
        if decision.submission_id == job.submission_id:
            break
        if decision.pool not in rented and decision.expected_start_at is not None:
            before.append(known[decision.submission_id])
    return before[:AHEAD]


def _wait(job: QueuedJob, play: Snapshot) -> float:
    start_at = next(d.expected_start_at for d in decide(play, Never()) if d.submission_id == job.submission_id)
    return math.inf if start_at is None else max(0.0, start_at - play.at)


def _levels(draw: random.Random) -> list[float]:
    """A quantile level for each play, one from each of as many equal parts of 0 to 1, in random order."""
    levels = [(part + draw.random()) / PLAYS for part in range(PLAYS)]
    draw.shuffle(levels)
    return levels


def _drawn_jobs(job: QueuedJob, draw: random.Random) -> list[QueuedJob]:
    """The job, once for each play."""
    forecast = job.forecast
    if forecast is None:
        return [job] * PLAYS
    return [replace(job, runtime_s=forecast.left_at(level)) for level in _levels(draw)]


def _drawn_pools(view: PoolView, now: float, draw: random.Random) -> list[PoolView]:
    """The pool, once for each play."""
    works = [_drawn_work(work, now, draw) for work in view.work]
    return [replace(view, work=tuple(work[play] for work in works)) for play in range(PLAYS)]


def _drawn_work(work: LiveWork, now: float, draw: random.Random) -> list[LiveWork]:
    """Live work, once for each play. What has not begun yet begins when it was expected to."""
    forecast = work.forecast
    if forecast is None:
        return [work] * PLAYS
    begins, age_s = now, 0.0
    if work.began_at is None:
        begins = max(now, work.ends_at - forecast.mean_s)
    else:
        age_s = max(0.0, now - work.began_at)
    return [replace(work, ends_at=begins + forecast.left_at(level, age_s)) for level in _levels(draw)]
