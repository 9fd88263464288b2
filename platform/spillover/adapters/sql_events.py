"""The history in the store."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, literal, or_, select

from ..ports import Event, EventFilter
from .sql_base import SqlBase
from .sql_jobs import put_event
from .sql_tables import applications, events, jobs


class SqlEvents(SqlBase):
    """The history part of ports.Store."""

    def add_event(self, event: Event) -> None:
        with self._write() as db:
            put_event(db, event)

    def events(self, subject: str | None = None, limit: int = 200) -> list[Event]:
        return [event for _, event in self.find_events(EventFilter(subject=subject, limit=limit))]

    def find_events(self, asked: EventFilter) -> list[tuple[int, Event]]:
        with self._read() as db:
            rows = db.execute(_query(asked))
            return [(row.seq, Event(row.at, row.actor, row.subject, row.text)) for row in rows]


def _query(asked: EventFilter) -> Select[Any]:
    query = select(events).order_by(events.c.seq.desc()).limit(asked.limit)
    if asked.subject:
        query = query.where(events.c.subject == asked.subject)
    if asked.actor:
        query = query.where(events.c.actor == asked.actor)
    if asked.since is not None:
        query = query.where(events.c.at >= asked.since)
    if asked.before is not None:
        query = query.where(events.c.seq < asked.before)
    return query if asked.team is None else query.where(_visible(asked))


def _visible(asked: EventFilter) -> ColumnElement[bool]:
    """What is about pools, or about a job or application of the team or the user; deleted jobs keep their row."""
    theirs = select(jobs.c.submission_id).where(or_(jobs.c.team == asked.team, jobs.c.user == asked.user))
    served = select(literal("serve:") + applications.c.name).where(
        or_(applications.c.team == asked.team, applications.c.user == asked.user)
    )
    return or_(events.c.subject.startswith("pool:"), events.c.subject.in_(theirs), events.c.subject.in_(served))
