"""Jobs, attempts and claims in the store."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Column, Connection, and_, case, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from ..domain.decision import Decision
from ..domain.job import Attempt, AttemptStatus, Job, JobStatus, JobTarget
from ..domain.past import PastRun, StartedJob
from ..domain.serving import REPLICA
from ..errors import DuplicateJob, StaleClaim
from ..ports import Event
from .sql_base import SqlBase
from .sql_rows import attempt_row, job_changes, job_row, load_attempt, load_job, load_past_run, load_started
from .sql_tables import attempts, jobs
from .sql_tables import decisions as decisions_table
from .sql_tables import events as events_table

_ENDED = [s.value for s in JobStatus if s.final]
_ABOUT = [
    jobs.c[name]
    for name in ("submission_id", "user", "team", "priority", "entrypoint", "demand", "hints", "submitted_at")
]


def put_event(db: Connection, event: Event | None) -> None:
    """Append to the history within a transaction."""
    if event:
        db.execute(insert(events_table).values(at=event.at, actor=event.actor, subject=event.subject, text=event.text))


def _check_free(db: Connection, column: Column[str], name: str) -> None:
    if db.execute(select(column).where(column == name)).first():
        raise _duplicate(name)


def _duplicate(name: str) -> DuplicateJob:
    return DuplicateJob(f"Job with submission_id {name} already exists. Please use a different submission_id.")


class SqlJobs(SqlBase):
    """The jobs part of ports.Store."""

    def add_job(self, job: Job, event: Event) -> None:
        try:
            with self._write() as db:
                # A pool may know it as a later attempt of another job
                _check_free(db, attempts.c.attempt_id, job.submission_id)
                db.execute(insert(jobs).values(job_row(job, self._sealer)))
                put_event(db, event)
        except IntegrityError:
            raise _duplicate(job.submission_id) from None

    def job(self, submission_id: str) -> Job | None:
        with self._read() as db:
            row = db.execute(select(jobs).where(jobs.c.submission_id == submission_id, ~jobs.c.deleted)).first()
        return load_job(row, self._sealer) if row else None

    def jobs(self, statuses: Sequence[JobStatus] = (), limit: int | None = None) -> list[Job]:
        query = select(jobs).where(~jobs.c.deleted).order_by(jobs.c.submitted_at, jobs.c.submission_id)
        if statuses:
            query = query.where(jobs.c.status.in_([s.value for s in statuses]))
        with self._read() as db:
            rows = db.execute(query.limit(limit)).all()
        return [load_job(row, self._sealer) for row in rows]

    def replicas(self) -> list[Job]:
        query = select(jobs).where(~jobs.c.deleted, jobs.c.status.not_in(_ENDED))
        query = query.where(jobs.c.submission_id.startswith(REPLICA, autoescape=True))
        with self._read() as db:
            rows = db.execute(query.order_by(jobs.c.submitted_at, jobs.c.submission_id)).all()
        found = [load_job(row, self._sealer) for row in rows]
        return [job for job in found if job.request.application is not None]

    def stopping_jobs(self) -> list[str]:
        stopping = (jobs.c.target == JobTarget.STOP.value) & jobs.c.status.not_in(_ENDED)
        with self._read() as db:
            return list(db.execute(select(jobs.c.submission_id).where(stopping)).scalars())

    def delete_job(self, submission_id: str) -> None:
        # The row stays as a tombstone: a pool may still know this id, and a second job must not be taken for the first
        with self._write() as db:
            db.execute(
                update(jobs)
                .where(jobs.c.submission_id == submission_id, jobs.c.status.in_(_ENDED))
                .values(deleted=True, request="{}", env_vars=None, entrypoint="")
            )
            db.execute(decisions_table.delete().where(decisions_table.c.submission_id == submission_id))

    def set_target_stop(self, submission_id: str, event: Event) -> bool:
        with self._write() as db:
            changed = db.execute(
                update(jobs)
                .where(jobs.c.submission_id == submission_id, jobs.c.status.not_in(_ENDED))
                .values(target=JobTarget.STOP.value)
            )
            if changed.rowcount:
                put_event(db, event)
            return bool(changed.rowcount)

    def claim(self, submission_id: str, token: str, now: float, until: float) -> bool:
        free = or_(jobs.c.claim_token.is_(None), jobs.c.claim_token == token, jobs.c.claim_until < now)
        with self._write() as db:
            changed = db.execute(
                update(jobs)
                .where(jobs.c.submission_id == submission_id, free)
                .values(claim_token=token, claim_until=until)
            )
            return bool(changed.rowcount)

    def release(self, submission_id: str, token: str) -> None:
        with self._write() as db:
            db.execute(
                update(jobs)
                .where(jobs.c.submission_id == submission_id, jobs.c.claim_token == token)
                .values(claim_token=None, claim_until=None)
            )

    def release_all(self) -> None:
        with self._write() as db:
            db.execute(update(jobs).where(jobs.c.claim_token.is_not(None)).values(claim_token=None, claim_until=None))

    def update_job(self, job: Job, token: str, event: Event | None = None) -> None:
        with self._write() as db:
            self._put_job(db, job, token)
            put_event(db, event)

    def note_waits(self, decisions: Sequence[Decision]) -> None:
        with self._write() as db:
            for decision in decisions:
                waits = (jobs.c.submission_id == decision.submission_id) & (jobs.c.status == JobStatus.QUEUED.value)
                db.execute(
                    update(jobs)
                    .where(waits, jobs.c.target == JobTarget.RUN.value)
                    .values(
                        message=decision.sentence,
                        wait_reason=decision.reason,
                        expected_start_at=decision.expected_start_at,
                    )
                )

    def start_attempt(self, job: Job, attempt: Attempt, token: str, event: Event) -> None:
        with self._write() as db:
            self._put_job(db, job, token)
            if attempt.attempt_id != job.submission_id:
                _check_free(db, jobs.c.submission_id, attempt.attempt_id)
            db.execute(insert(attempts).values(attempt_row(attempt)))
            put_event(db, event)

    def update_attempt(self, attempt: Attempt, job: Job, token: str, event: Event | None = None) -> None:
        with self._write() as db:
            self._put_job(db, job, token)
            db.execute(update(attempts).where(attempts.c.attempt_id == attempt.attempt_id).values(attempt_row(attempt)))
            put_event(db, event)

    def _put_job(self, db: Connection, job: Job, token: str) -> None:
        held = (jobs.c.submission_id == job.submission_id) & (jobs.c.claim_token == token)
        if not db.execute(update(jobs).where(held).values(job_changes(job))).rowcount:
            raise StaleClaim(f"job {job.submission_id} is claimed by somebody else")

    def attempts(self, submission_id: str) -> list[Attempt]:
        query = select(attempts).where(attempts.c.submission_id == submission_id).order_by(attempts.c.number)
        with self._read() as db:
            return [load_attempt(row) for row in db.execute(query)]

    def live_attempts(self) -> list[Attempt]:
        query = select(attempts).where(attempts.c.status != AttemptStatus.ENDED.value).order_by(attempts.c.committed_at)
        with self._read() as db:
            return [load_attempt(row) for row in db.execute(query)]

    def latest_attempts(self) -> dict[str, Attempt]:
        newest = select(attempts.c.submission_id, func.max(attempts.c.number).label("n")).group_by(
            attempts.c.submission_id
        )
        last = newest.subquery()
        query = select(attempts).join(
            last, (attempts.c.submission_id == last.c.submission_id) & (attempts.c.number == last.c.n)
        )
        with self._read() as db:
            return {row.submission_id: load_attempt(row) for row in db.execute(query)}

    def find_core_job(self, pool: str, core_job_id: str) -> str | None:
        query = (
            select(attempts.c.submission_id)
            .where(attempts.c.pool == pool, attempts.c.core_job_id == core_job_id)
            .order_by(attempts.c.committed_at.desc())
            .limit(1)
        )
        with self._read() as db:
            return db.execute(query).scalar()

    def started_jobs(self, limit: int) -> list[StartedJob]:
        started = select(*_ABOUT, jobs.c.started_at).where(jobs.c.started_at.is_not(None))
        # First so many jobs and then their attempts: the other way round, SQLite would go through all attempts
        newest = started.order_by(jobs.c.started_at.desc(), jobs.c.submission_id.desc()).limit(limit).subquery()
        did = and_(attempts.c.submission_id == newest.c.submission_id, attempts.c.started_at == newest.c.started_at)
        query = select(newest, attempts.c.committed_at.label("placed_at"), attempts.c.pool).join(attempts, did)
        query = query.order_by(newest.c.started_at, newest.c.submission_id)
        with self._read() as db:
            return [load_started(row) for row in db.execute(query)]

    def past_runs(self, after: float, limit: int) -> list[PastRun]:
        ended = select(*_ABOUT, jobs.c.request, jobs.c.ended_at, jobs.c.attempts).where(jobs.c.ended_at > after)
        newest = ended.order_by(jobs.c.ended_at.desc(), jobs.c.submission_id.desc()).limit(limit).subquery()
        ran = and_(
            attempts.c.submission_id == newest.c.submission_id,
            attempts.c.started_at.is_not(None),
            attempts.c.ended_at.is_not(None),
        )
        run_s = func.sum(attempts.c.ended_at - attempts.c.started_at).label("run_s")
        # SQLite and PostgreSQL agree on this: the outcome of the newest attempt, if it ran
        last = func.max(case((attempts.c.number == newest.c.attempts, attempts.c.outcome))).label("outcome")
        query = select(newest, run_s, last).join(attempts, ran).group_by(*newest.c)
        with self._read() as db:
            return [load_past_run(row) for row in db.execute(query.order_by(newest.c.ended_at, newest.c.submission_id))]
