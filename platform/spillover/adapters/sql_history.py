"""What was learnt, decisions, pools and packages in the store."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, exists, insert, select, update

from ..domain.decision import Decision
from ..domain.job import JobStatus
from ..domain.pool import PoolState
from ..domain.resources import Demand
from ..ports import Event
from . import codec
from .sql_base import SqlBase
from .sql_jobs import put_event
from .sql_rows import load_pool, pool_row
from .sql_tables import applications, decisions, jobs, observed, packages, pools

_OPERATORS_MARKS = {"fenced_at": pools.c.fenced_at, "fold_asked_at": pools.c.fold_asked_at}


class SqlHistory(SqlBase):
    """What was learnt, decisions, pools and packages: parts of ports.Store."""

    def observed_demand(self, team: str, entrypoint: str) -> Demand | None:
        query = select(observed.c.demand).where(observed.c.team == team, observed.c.entrypoint == entrypoint)
        with self._read() as db:
            text = db.execute(query).scalar()
        return codec.load_demand(text) if text else None

    def record_observed(self, team: str, entrypoint: str, demand: Demand, at: float) -> None:
        with self._write() as db:
            db.execute(delete(observed).where(observed.c.team == team, observed.c.entrypoint == entrypoint))
            db.execute(
                insert(observed).values(team=team, entrypoint=entrypoint, demand=codec.dump_demand(demand), at=at)
            )

    def add_decisions(self, decisions_: Sequence[Decision]) -> None:
        rows = [{"submission_id": d.submission_id, "at": d.at, "decision": codec.dump_decision(d)} for d in decisions_]
        if rows:
            with self._write() as db:
                db.execute(insert(decisions), rows)

    def decisions(self, submission_id: str) -> list[Decision]:
        query = select(decisions.c.decision).where(decisions.c.submission_id == submission_id).order_by(decisions.c.seq)
        with self._read() as db:
            return [codec.load_decision(text) for text in db.execute(query).scalars()]

    def pool_states(self) -> dict[str, PoolState]:
        with self._read() as db:
            return {row.name: load_pool(row) for row in db.execute(select(pools))}

    def save_pool(self, state: PoolState, event: Event | None = None) -> None:
        row = {k: v for k, v in pool_row(state).items() if k not in _OPERATORS_MARKS}
        with self._write() as db:
            if not db.execute(update(pools).where(pools.c.name == state.name).values(row)).rowcount:
                db.execute(insert(pools).values(row))
            put_event(db, event)

    def mark_pool(self, name: str, mark: str, at: float, event: Event) -> None:
        with self._write() as db:
            db.execute(update(pools).where(pools.c.name == name).values({_OPERATORS_MARKS[mark]: at}))
            put_event(db, event)

    def add_package(self, tenant: str, uri: str, size_bytes: int, at: float) -> None:
        with self._write() as db:
            db.execute(delete(packages).where(packages.c.tenant == tenant, packages.c.uri == uri))
            db.execute(
                insert(packages).values(
                    tenant=tenant, uri=uri, size_bytes=size_bytes, created_at=at, pinned_until=at + 600
                )
            )

    def pin_package(self, tenant: str, uri: str, until: float) -> bool:
        mine = (packages.c.tenant == tenant) & (packages.c.uri == uri)
        with self._write() as db:
            return bool(db.execute(update(packages).where(mine).values(pinned_until=until)).rowcount)

    def idle_packages(self, now: float) -> list[tuple[str, str]]:
        live = jobs.c.status.in_([s.value for s in JobStatus if not s.final]) & (jobs.c.user == packages.c.tenant)
        refers = exists().where(live, jobs.c.request.contains(packages.c.uri))
        deployed = applications.c.user == packages.c.tenant
        serves = exists().where(deployed, applications.c.packages.contains(packages.c.uri))
        query = select(packages.c.tenant, packages.c.uri).where(packages.c.pinned_until < now, ~refers, ~serves)
        with self._read() as db:
            return [(row.tenant, row.uri) for row in db.execute(query)]

    def drop_package(self, tenant: str, uri: str) -> None:
        with self._write() as db:
            db.execute(delete(packages).where(packages.c.tenant == tenant, packages.c.uri == uri))
