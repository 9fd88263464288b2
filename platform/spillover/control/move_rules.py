"""What may be moved, and what a move in progress means. A move is kept on its job's row: `move_to` and `moved_at`."""

from __future__ import annotations

from dataclasses import replace

from ..domain.job import Attempt, AttemptStatus, Job, JobStatus, JobTarget

STALE_S = 60.0
"""A move whose stop was not sent within this time is dropped: the room that it was decided for may be gone."""

HOLD_S = 180.0
"""For so long after the decision room is kept at the new place, and the job is the first to be offered room there."""

GIVES_WAY_S = 15.0
"""A job that was stopped to make room for others is not placed for so long: until they are."""

STOPS_WITHIN_S = 10.0
"""How long it is expected to take until a job that is asked to stop has given its room back."""


def may_move(job: Job, attempt: Attempt, now: float, cooldown_s: float) -> bool:
    """Whether the job may be stopped now to go on elsewhere.

    It runs, says that it can resume, nobody wants it to stop, and it was not moved lately. A replica of an application
    is not moved: another one is made elsewhere first.
    """
    runs = job.status is JobStatus.RUNNING and attempt.status is AttemptStatus.RUNNING
    free = job.target is JobTarget.RUN and job.move_to is None and attempt.stop_sent_at is None
    rested = job.moved_at is None or now - job.moved_at >= cooldown_s
    return runs and free and rested and job.hints.resumable and job.request.application is None


def begin(job: Job, attempt: Attempt, pool: str | None, sentence: str, now: float) -> tuple[Job, Attempt]:
    """Both as they are to be written before anything is asked of a pool. Without a `pool` the job only makes room."""
    return replace(job, move_to=pool or "", moved_at=now, message=sentence), replace(attempt, message=sentence)


def drop(job: Job, attempt: Attempt) -> tuple[Job, Attempt]:
    """Both without the move. That it was decided is remembered: the next one waits for its time."""
    return replace(job, move_to=None), replace(attempt, message="")


def is_stale(job: Job, attempt: Attempt, now: float) -> bool:
    """Whether the move was decided so long ago that it should not begin any more. One that has begun goes on."""
    return job.move_to is not None and attempt.stop_sent_at is None and now - (job.moved_at or 0.0) > STALE_S


def awaited_by(job: Job, now: float) -> str | None:
    """The pool that keeps room for a job that is on its way there, if one does."""
    waits = job.move_to and job.target is JobTarget.RUN and job.status is not JobStatus.UNREACHABLE
    return job.move_to if waits and now - (job.moved_at or 0.0) <= HOLD_S else None
