"""Hosts that are named one by one, in the store."""

from __future__ import annotations

import dataclasses
from typing import Any, cast

from sqlalchemy import Connection, Row, insert, select, update

from ..domain.host import HostState, HostStatus, HostTarget
from ..domain.provider import NodeKind
from ..ports import Event
from .sql_base import SqlBase
from .sql_jobs import put_event
from .sql_tables import hosts

_OPERATORS = ("target", "repair_asked_at")


class SqlHosts(SqlBase):
    """The hosts' part of ports.Store."""

    def hosts(self, pool: str | None = None) -> list[HostState]:
        query = select(hosts).order_by(hosts.c.pool, hosts.c.host)
        with self._read() as db:
            return [_state(row) for row in db.execute(query if pool is None else query.where(hosts.c.pool == pool))]

    def save_host(self, state: HostState, event: Event | None = None) -> None:
        fields = dataclasses.asdict(state)
        changed = {name: value for name, value in fields.items() if name not in _OPERATORS}
        with self._write() as db:
            _put(db, state.pool, state.host, changed, fields)
            if event:
                put_event(db, event)

    def ask_of_host(
        self, pool: str, host: str, event: Event, target: HostTarget | None = None, repair_at: float | None = None
    ) -> None:
        asked: dict[str, Any] = {"target": target} if target is not None else {}
        asked |= {"repair_asked_at": repair_at} if repair_at is not None else {}
        with self._write() as db:
            _put(db, pool, host, asked, {**dataclasses.asdict(HostState(pool, host)), **asked})
            put_event(db, event)


def _put(db: Connection, pool: str, host: str, changed: dict[str, Any], new: dict[str, Any]) -> None:
    found = db.execute(update(hosts).where(hosts.c.pool == pool, hosts.c.host == host).values(**changed))
    if not found.rowcount:
        db.execute(insert(hosts).values(**new))


def _state(row: Row[Any]) -> HostState:
    return HostState(
        pool=row.pool,
        host=row.host,
        kind=cast("NodeKind", row.kind),
        status=HostStatus(row.status),
        target=HostTarget(row.target),
        since=row.since,
        node_id=row.node_id,
        problem=row.problem,
        failures=row.failures,
        retry_at=row.retry_at,
        repair_asked_at=row.repair_asked_at,
    )
