"""How long things really take on each pool, measured from what ran there: what the settings say is a guess."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from ..domain.past import PastJob
from ..domain.pool import Pool, PoolRole

_WAITED_S = 1.0
_LONGEST_RELEASE_S = 60.0


@dataclass(frozen=True)
class Timing:
    """Seconds that pass on a pool, apart from what jobs run.

    `startup_s`: from the request for new nodes until they are up. `dispatch_s`: from the decision until a job runs
    whose room is up. `release_s`: from the end of a job until its room is given to another.
    """

    startup_s: float
    dispatch_s: float = 0.0
    release_s: float = 0.0


def as_set(pool: Pool) -> Timing:
    """What the settings say: nothing takes time but starting nodes."""
    return Timing(pool.startup_s)


def measure(jobs: Sequence[PastJob], pools: Iterable[Pool]) -> dict[str, Timing]:
    """The timing of each pool, as medians over these jobs; where none tells, what the settings say.

    A job on a rented pool found it cold if none of the jobs placed there before had started, or all of them had ended
    for longer than the pool's idle timeout: its start took start-up and dispatch together. All others took dispatch
    alone, unless they waited for another node, which their median leaves out as long as most do not.
    """
    placed = [job for job in jobs if job.placed_at is not None]
    by_pool: dict[str, list[PastJob]] = {}
    for job in sorted(placed, key=lambda job: job.placed_at or 0.0):
        by_pool.setdefault(job.pool, []).append(job)
    everywhere = _median([_start_s(job) for there in by_pool.values() for job in there])
    release_s = _median([s for there in by_pool.values() for s in _releases(there)])
    return {pool.name: _of(pool, by_pool.get(pool.name, []), everywhere, release_s) for pool in pools}


def _of(pool: Pool, jobs: Sequence[PastJob], everywhere: float | None, release_s: float | None) -> Timing:
    cold = [job for job in jobs if pool.role is PoolRole.BURST and _is_cold(job, jobs, pool.idle_timeout_s)]
    warm_s = _median([_start_s(job) for job in jobs if job not in cold])
    dispatch_s = warm_s if warm_s is not None else min([everywhere or 0.0, *map(_start_s, cold)])
    cold_s = _median([_start_s(job) for job in cold])
    own_release_s = _median(_releases(jobs))
    return Timing(
        startup_s=pool.startup_s if cold_s is None else max(0.0, cold_s - dispatch_s),
        dispatch_s=dispatch_s,
        release_s=own_release_s if own_release_s is not None else release_s or 0.0,
    )


def _is_cold(job: PastJob, others: Sequence[PastJob], idle_s: float) -> bool:
    at = job.placed_at or 0.0
    return not any(other.started_at <= at <= other.ended_at + idle_s for other in others if other is not job)


def _start_s(job: PastJob) -> float:
    return max(0.0, job.started_at - (job.placed_at or 0.0))


def _releases(jobs: Sequence[PastJob]) -> list[float]:
    """For each job that had to wait: how long after the last end on its pool it was placed."""
    found = []
    for job in jobs:
        at = job.placed_at or 0.0
        ends = [other.ended_at for other in jobs if other.ended_at <= at]
        if at - job.submitted_at >= _WAITED_S and ends and at - max(ends) <= _LONGEST_RELEASE_S:
            found.append(at - max(ends))
    return found


def _median(values: Sequence[float]) -> float | None:
    return median(values) if values else None


def timing_of(timings: Mapping[str, Timing], pool: Pool) -> Timing:
    """The pool's timing, or what the settings say."""
    return timings.get(pool.name) or as_set(pool)
