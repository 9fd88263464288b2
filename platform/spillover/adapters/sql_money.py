"""Meters, the ledger and the jobs that it was spent on, in the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, case, delete, func, insert, or_, select

from ..domain.money import EntryKind, LedgerEntry, PaidNode, cost_nanos, day_of, midnight
from ..domain.past import PastJob, PastJobs, SpotPast
from . import codec
from .sql_base import SqlBase
from .sql_tables import attempts, jobs, ledger, nodes


class SqlMoney(SqlBase):
    """The money part of ports.Store."""

    def open_nodes(self) -> list[PaidNode]:
        with self._read() as db:
            return [PaidNode(**row._mapping) for row in db.execute(select(nodes).where(nodes.c.gone_at.is_(None)))]  # noqa: SLF001

    def known_nodes(self, pool: str, ids: Sequence[str]) -> set[str]:
        here = select(nodes.c.node_id).where(nodes.c.pool == pool, nodes.c.node_id.in_(ids))
        with self._read() as db:
            return {row.node_id for row in db.execute(here)}

    def node_entries(self, pool: str, node_id: str, since: float) -> list[LedgerEntry]:
        booked = select(ledger).where(ledger.c.pool == pool, ledger.c.node_id == node_id, ledger.c.start >= since)
        with self._read() as db:
            return [_entry(row) for row in db.execute(booked.order_by(ledger.c.seq))]

    def node_cost_nanos(self, since: date | None = None, until: date | None = None) -> int:
        meters = select(nodes.c.price_usd_per_hour, nodes.c.since, nodes.c.metered_until)
        first = midnight(since) if since else float("-inf")
        last = midnight(until) if until else float("inf")
        with self._read() as db:
            spans = [(price, max(first, start), min(last, end)) for price, start, end in db.execute(meters)]
        return sum(cost_nanos(price, start, end) for price, start, end in spans if start < end)

    def pool_cost_nanos(self) -> dict[str, int]:
        meters = select(nodes.c.pool, nodes.c.price_usd_per_hour, nodes.c.since, nodes.c.metered_until)
        found: dict[str, int] = {}
        with self._read() as db:
            for pool, *meter in db.execute(meters):
                found[pool] = found.get(pool, 0) + cost_nanos(*meter)
        return found

    def job_cost_nanos(self, submission_id: str) -> int:
        total = select(func.sum(ledger.c.nano_usd)).where(ledger.c.submission_id == submission_id)
        with self._read() as db:
            return int(db.execute(total).scalar() or 0)

    def spot_past(self, since: float) -> list[SpotPast]:
        n = nodes.c
        # A machine that is taken back in its first hour is free: its meter ends where it began, its life does not
        end = func.coalesce(n.reclaimed_at, n.gone_at, n.metered_until)
        lived = func.sum(end - case((n.since > since, n.since), else_=since))
        query = select(n.pool, n.node_type, lived, func.count(n.reclaimed_at))
        query = query.where(n.market == "spot", ~n.is_head, end > since).group_by(n.pool, n.node_type)
        with self._read() as db:
            return [SpotPast(*row) for row in db.execute(query)]

    def record_spend(self, paid: Sequence[PaidNode], entries: Sequence[LedgerEntry]) -> None:
        with self._write() as db:
            for node in paid:
                same = (nodes.c.pool == node.pool) & (nodes.c.node_id == node.node_id) & (nodes.c.since == node.since)
                db.execute(delete(nodes).where(same))
            if paid:
                db.execute(insert(nodes), [_columns(node) for node in paid])
            if entries:
                db.execute(insert(ledger), [_entry_row(entry) for entry in entries])

    def spend(
        self, by: Sequence[str], since: date | None = None, until: date | None = None, team: str | None = None
    ) -> list[Mapping[str, Any]]:
        columns = [ledger.c.submission_id.label("job") if name == "job" else ledger.c[name] for name in by]
        sums = [func.sum(ledger.c.nano_usd).label("nano_usd"), func.sum(ledger.c.node_s).label("node_s")]
        query = select(*columns, *sums).where(*_window(since, until)).group_by(*columns).order_by(*columns)
        if team is not None:
            query = query.where(ledger.c.team == team)
        with self._read() as db:
            return [_sums(row) for row in db.execute(query)]

    def past_jobs(self, since: float | None = None, until: float | None = None, limit: int | None = None) -> PastJobs:
        with self._read() as db:
            rows = db.execute(_past(since, until).limit(limit)).all()
            total = db.execute(_count_of_window(since, until)).scalar_one()
        return PastJobs(tuple(_past_job(row) for row in reversed(rows)), total - len(rows))


def _window(since: date | None, until: date | None) -> list[ColumnElement[bool]]:
    found = [ledger.c.day >= since.isoformat()] if since else []
    return [*found, ledger.c.day < until.isoformat()] if until else found


def _sums(row: Row[Any]) -> dict[str, Any]:
    # Without any entry, or on PostgreSQL, whose sums of whole numbers are decimals
    found = dict(row._mapping)  # noqa: SLF001  # SQLAlchemy's public name for it
    return {**found, "nano_usd": int(found["nano_usd"] or 0), "node_s": float(found["node_s"] or 0.0)}


def _past(since: float | None, until: float | None) -> Select[Any]:
    """Newest end first."""
    newest = and_(attempts.c.submission_id == jobs.c.submission_id, attempts.c.number == jobs.c.attempts)
    booked = and_(ledger.c.submission_id == jobs.c.submission_id, ledger.c.pool == attempts.c.pool)
    names = ("submission_id", "user", "team", "priority", "demand", "hints", "submitted_at", "entrypoint")
    about = [jobs.c[name] for name in names]
    went = [attempts.c[name] for name in ("pool", "node_type", "market", "started_at", "ended_at")]
    cost = select(func.sum(ledger.c.nano_usd)).where(booked).scalar_subquery().label("nano_usd")
    query = select(*about, *went, attempts.c.committed_at.label("placed_at"), cost).join(attempts, newest)
    query = query.where(jobs.c.ended_at.is_not(None), attempts.c.started_at.is_not(None))
    if since is not None:
        query = query.where(jobs.c.ended_at >= since)
    if until is not None:
        query = query.where(jobs.c.ended_at < until)
    return query.order_by(jobs.c.ended_at.desc(), jobs.c.submission_id.desc())


def _count_of_window(since: float | None, until: float | None) -> Select[Any]:
    query = select(func.count()).select_from(jobs)
    if since is not None:
        query = query.where(or_(jobs.c.ended_at.is_(None), jobs.c.ended_at >= since))
    return query if until is None else query.where(jobs.c.submitted_at < until)


def _past_job(row: Row[Any]) -> PastJob:
    data = dict(row._mapping)  # noqa: SLF001
    data["demand"], data["hints"] = codec.load_demand(data["demand"]), codec.load_hints(data["hints"])
    return PastJob(**{**data, "nano_usd": int(data["nano_usd"] or 0)})


def _entry_row(entry: LedgerEntry) -> dict[str, Any]:
    return {**_columns(entry), "kind": entry.kind.value, "day": day_of(entry.start).isoformat()}


def _entry(row: Row[Any]) -> LedgerEntry:
    data = {name: getattr(row, name) for name in LedgerEntry.__dataclass_fields__}
    return LedgerEntry(**{**data, "kind": EntryKind(data["kind"])})


def _columns(value: PaidNode | LedgerEntry) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__dataclass_fields__}
