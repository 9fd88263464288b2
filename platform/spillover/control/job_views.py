"""Jobs as Spillover's own API shows them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from ..domain.answers import AttemptView, DecisionView, JobFacts, Page, QueueEntry
from ..domain.decision import Decision
from ..domain.job import Attempt, Job, JobStatus
from ..domain.questions import QueueQuery
from ..domain.resources import Resources
from .core import Core
from .overuse import Overuse, excess
from .paging import page
from .passes import Passes


class JobViews:
    """Reads, never writes."""

    def __init__(self, core: Core, passes: Passes, overuse: Overuse) -> None:
        self._core = core
        self._passes = passes
        self._overuse = overuse

    async def queue(self, query: QueueQuery) -> Page[QueueEntry]:
        """Jobs that have not ended: those on pools first, then those that wait, in the order of the queue."""
        store, db = self._core.store, self._core.db
        jobs = await db(store.jobs, [s for s in JobStatus if not s.final])
        attempts = {a.submission_id: a for a in await db(store.live_attempts)}
        order = self._passes.order
        jobs.sort(key=lambda j: (j.status is JobStatus.QUEUED, order.get(j.submission_id, len(order))))
        entries, places = [], 0
        for job in jobs:
            places += job.status is JobStatus.QUEUED
            entry = self.entry(job, attempts.get(job.submission_id), places)
            entries += [entry] if _asked_for(entry, query) else []
        return page(entries, query.limit, query.after)

    def entry(self, job: Job, attempt: Attempt | None, place: int) -> QueueEntry:
        """One job that has not ended; `place` counts only if it waits."""
        now = self._core.clock.now()
        started = attempt.started_at if attempt else None
        return QueueEntry(
            submission_id=job.submission_id,
            user=job.user,
            team=job.team,
            priority=job.priority,
            status=job.status.value,
            target=job.target.value,
            demand=str(job.demand),
            submitted_at=job.submitted_at,
            wait_s=max(0.0, (job.started_at or job.ended_at or now) - job.submitted_at),
            reason=job.wait_reason,
            message=job.message,
            place=place if job.status is JobStatus.QUEUED and place else None,
            expected_start_at=job.expected_start_at,
            pool=attempt.pool if attempt else None,
            attempt=attempt.number if attempt else None,
            runtime_s=((attempt.ended_at or now) - started) if attempt and started else None,
        )

    def facts(self, job: Job, last: Attempt | None, cost_usd: float) -> JobFacts:
        """One job, ended or not, with all that is known of it."""
        order = self._passes.order.get(job.submission_id)
        entry = self.entry(job, last, 0 if order is None else order + 1)
        used = self._overuse.largest(last.attempt_id) if last else None
        over = excess(job.demand, used) if used else Resources()
        return JobFacts(
            **{f.name: getattr(entry, f.name) for f in dataclasses.fields(entry)},
            demand_source=job.demand_source,
            started_at=job.started_at,
            ended_at=job.ended_at,
            exit_code=job.exit_code,
            error_type=job.error_type,
            observed=str(used) if used else None,
            overuse=f"{over} more than declared" if over else None,
            cost_usd=cost_usd,
        )


def _asked_for(entry: QueueEntry, query: QueueQuery) -> bool:
    return (
        query.team in {None, entry.team}
        and query.user in {None, entry.user}
        and query.pool in {None, entry.pool}
        and (not query.status or entry.status in query.status)
    )


def decision_view(decision: Decision) -> DecisionView:
    """A decision without its offers."""
    return DecisionView(**{f.name: getattr(decision, f.name) for f in dataclasses.fields(DecisionView)})


def attempt_views(attempts: Sequence[Attempt]) -> tuple[AttemptView, ...]:
    """Attempts, first one first."""
    names = [f.name for f in dataclasses.fields(AttemptView)]
    return tuple(AttemptView(**{name: getattr(attempt, name) for name in names}) for attempt in attempts)
