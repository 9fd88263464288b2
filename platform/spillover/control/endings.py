"""Ends attempts, and with them their jobs or not: lost work that can resume goes back to the queue."""

from __future__ import annotations

from dataclasses import replace

from ..domain.job import Attempt, AttemptStatus, Job, JobStatus, JobTarget, Outcome
from .core import SYSTEM, Core
from .move_rules import GIVES_WAY_S

_BACKOFF_S = 5.0
_LONGEST_BACKOFF_S = 600.0
_LONGEST_SERVED_BACKOFF_S = 30.0

_STATUS = {
    Outcome.SUCCEEDED: JobStatus.SUCCEEDED,
    Outcome.FAILED: JobStatus.FAILED,
    Outcome.STOPPED: JobStatus.STOPPED,
}


class Endings:
    """The last step of an attempt."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def end(self, job: Job, attempt: Attempt, outcome: Outcome, message: str, token: str) -> None:
        """Record how the attempt ended, and move its job to where that leaves it, in one transaction."""
        # A pool's clock may be behind ours: an end never comes before its start
        ended_at = max(attempt.ended_at or self._core.clock.now(), attempt.started_at or 0.0)
        ended = replace(attempt, status=AttemptStatus.ENDED, outcome=outcome, message=message, ended_at=ended_at)
        before = await self._core.db(self._core.store.attempts, job.submission_id)
        losses = sum(a.outcome is Outcome.LOST for a in [*before, ended])
        changed = self._after(job, ended, losses)
        text = f"attempt {attempt.attempt_id} on pool {attempt.pool} {outcome.value}: {_short(message)}"
        event = self._core.event(SYSTEM, job.submission_id, text)
        await self._core.db(self._core.store.update_attempt, ended, changed, token, event)
        self._core.ended += 1
        self._core.wake.set()

    def _after(self, job: Job, attempt: Attempt, losses: int) -> Job:
        outcome = attempt.outcome or Outcome.LOST
        if outcome in _STATUS:
            return self._final(job, attempt, _STATUS[outcome], attempt.message)
        if job.target is JobTarget.STOP:
            return self._final(job, attempt, JobStatus.STOPPED, f"Job was stopped. {attempt.message}")
        if outcome is Outcome.MOVED:
            return self._goes_on(job, attempt)
        if outcome is Outcome.WITHDRAWN:
            return self._again(job, attempt, self._backoff(job, attempt))
        if not job.hints.resumable:
            text = f"Job was lost and is not marked spillover/resumable, so it is not run again. {attempt.message}"
            return self._final(job, attempt, JobStatus.FAILED, text)
        if losses >= self._core.settings.max_attempts and job.request.application is None:
            text = f"Job was lost {losses} times, which is the setting max_attempts. {attempt.message}"
            return self._final(job, attempt, JobStatus.FAILED, text)
        return self._again(job, attempt, self._backoff(job, attempt))

    @staticmethod
    def _backoff(job: Job, attempt: Attempt) -> float:
        if job.request.application is not None:
            # Somebody waits for each of its answers, and that its pool died says nothing against the next one
            return min(_LONGEST_SERVED_BACKOFF_S, 2.0 ** (attempt.number - 1) - 1.0)
        return min(_LONGEST_BACKOFF_S, _BACKOFF_S * 2.0 ** (attempt.number - 1))

    def _again(self, job: Job, attempt: Attempt, delay_s: float) -> Job:
        return replace(
            job,
            status=JobStatus.QUEUED,
            not_before=self._core.clock.now() + delay_s,
            message=f"Waits to run again. {attempt.message}",
            wait_reason="again",
            move_to=None,
        )

    def _goes_on(self, job: Job, attempt: Attempt) -> Job:
        """It queues without delay, and is offered its new place before all others.

        One that made room lets others go first: else it would be the one that gets it.
        """
        not_before = 0.0 if job.move_to else self._core.clock.now() + GIVES_WAY_S
        text = f"{f'Moves to pool {job.move_to}.' if job.move_to else 'Waits to go on.'} {attempt.message}"
        return replace(job, status=JobStatus.QUEUED, not_before=not_before, message=text, wait_reason="moves")

    @staticmethod
    def _final(job: Job, attempt: Attempt, status: JobStatus, message: str) -> Job:
        return replace(
            job,
            status=status,
            message=message,
            started_at=job.started_at or attempt.started_at,
            ended_at=attempt.ended_at,
            error_type=attempt.error_type,
            exit_code=attempt.exit_code,
            wait_reason="",
            expected_start_at=None,
            move_to=None,
        )

    async def stopped_in_queue(self, job: Job, token: str) -> None:
        """A job that has no attempt is stopped at once."""
        now = self._core.clock.now()
        changed = replace(
            job, status=JobStatus.STOPPED, ended_at=now, message="Job was stopped while it waited.", wait_reason=""
        )
        event = self._core.event(SYSTEM, job.submission_id, "stopped while it waited")
        await self._core.db(self._core.store.update_job, changed, token, event)


def _short(text: str, limit: int = 200) -> str:
    line = text.strip().splitlines()[0] if text.strip() else "no reason given"
    return line if len(line) <= limit else line[: limit - 1] + "…"
