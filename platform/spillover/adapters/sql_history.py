"""Tokens, what was learnt, decisions, events, pools, packages and money in the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, exists, func, insert, select, update

from ..domain.decision import Decision
from ..domain.job import JobStatus
from ..domain.money import LedgerEntry, PaidNode, cost_nanos
from ..domain.pool import PoolState
from ..domain.resources import Demand
from ..ports import Caller, Event
from . import codec
from .sql_base import SqlBase
from .sql_jobs import put_event
from .sql_rows import load_pool, pool_row
from .sql_tables import decisions, events, jobs, ledger, nodes, observed, packages, pools, tokens

_OPERATORS_MARKS = {"fenced_at": pools.c.fenced_at, "fold_asked_at": pools.c.fold_asked_at}


class SqlHistory(SqlBase):
    """Everything of ports.Store but jobs and attempts."""

    def caller_of(self, token_hash: str) -> Caller | None:
        with self._read() as db:
            row = db.execute(select(tokens).where(tokens.c.hash == token_hash)).first()
        return Caller(user=row.user, team=row.team, role=row.role) if row else None

    def add_token(self, token_hash: str, caller: Caller, at: float) -> None:
        with self._write() as db:
            db.execute(delete(tokens).where(tokens.c.hash == token_hash))
            db.execute(
                insert(tokens).values(
                    hash=token_hash, user=caller.user, team=caller.team, role=caller.role, created_at=at
                )
            )

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

    def add_event(self, event: Event) -> None:
        with self._write() as db:
            put_event(db, event)

    def events(self, subject: str | None = None, limit: int = 200) -> list[Event]:
        query = select(events).order_by(events.c.seq.desc()).limit(limit)
        if subject:
            query = query.where(events.c.subject == subject)
        with self._read() as db:
            return [Event(row.at, row.actor, row.subject, row.text) for row in db.execute(query)]

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
        query = select(packages.c.tenant, packages.c.uri).where(packages.c.pinned_until < now, ~refers)
        with self._read() as db:
            return [(row.tenant, row.uri) for row in db.execute(query)]

    def drop_package(self, tenant: str, uri: str) -> None:
        with self._write() as db:
            db.execute(delete(packages).where(packages.c.tenant == tenant, packages.c.uri == uri))

    def open_nodes(self) -> list[PaidNode]:
        with self._read() as db:
            return [PaidNode(**row._mapping) for row in db.execute(select(nodes).where(nodes.c.gone_at.is_(None)))]  # noqa: SLF001

    def node_cost_nanos(self) -> int:
        meters = select(nodes.c.price_usd_per_hour, nodes.c.since, nodes.c.metered_until)
        with self._read() as db:
            return sum(cost_nanos(*row) for row in db.execute(meters))

    def record_spend(self, paid: Sequence[PaidNode], entries: Sequence[LedgerEntry]) -> None:
        with self._write() as db:
            for node in paid:
                db.execute(delete(nodes).where(nodes.c.pool == node.pool, nodes.c.node_id == node.node_id))
            if paid:
                db.execute(insert(nodes), [_columns(node) for node in paid])
            if entries:
                db.execute(insert(ledger), [{**_columns(e), "kind": e.kind.value} for e in entries])

    def spend(self, by: Sequence[str]) -> list[Mapping[str, Any]]:
        columns = [_ledger_column(name) for name in by]
        sums = [func.sum(ledger.c.nano_usd).label("nano_usd"), func.sum(ledger.c.node_s).label("node_s")]
        with self._read() as db:
            rows = db.execute(select(*columns, *sums).group_by(*columns).order_by(*columns))
            return [dict(row._mapping) for row in rows]  # noqa: SLF001


def _ledger_column(name: str) -> Any:
    if name == "day":
        return func.strftime("%Y-%m-%d", ledger.c.start, "unixepoch").label("day")
    if name == "job":
        return ledger.c.submission_id.label("job")
    return ledger.c[name]


def _columns(value: PaidNode | LedgerEntry) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__dataclass_fields__}
