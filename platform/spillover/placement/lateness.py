"""How likely a job ends after its deadline."""

from __future__ import annotations

from .pricing import Price
from .snapshot import QueuedJob


def chance_over(job: QueuedJob, seconds: float) -> float:
    """The chance that the job's work takes longer than so many seconds, by its forecast.

    Where there is none, or it has no distribution, the expected run time is taken to be sure.
    """
    if seconds <= 0:
        return 1.0
    if job.forecast is None or not job.forecast.hazard:
        return float(job.runtime_s > seconds)
    return job.forecast.outlasts(seconds)


def late_chance(job: QueuedJob, price: Price, start_at: float) -> float | None:
    """The chance that a job which starts then (Unix seconds) ends after its deadline; None if it has none.

    Fetching its data and the interruptions that are to be expected leave it less time for its work.
    """
    deadline_at = job.hints.deadline_at
    if deadline_at is None:
        return None
    return chance_over(job, price.work_within(deadline_at - start_at))
