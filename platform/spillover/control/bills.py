"""What was spent, as Spillover's own API shows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from ..domain.access import Caller
from ..domain.answers import Bill, Comparison, CostRow
from ..domain.money import NANOS
from ..domain.past import PastJob
from ..domain.questions import CostQuery
from ..errors import BadRequest, Forbidden
from .core import Core


@dataclass(frozen=True)
class Compare:
    """Replays past jobs, at most so many: `replay` gets them with the ledger's rows of that time by pool and kind."""

    replay: Callable[[Sequence[PastJob], Sequence[Mapping[str, Any]]], Sequence[Comparison]]
    most_jobs: int


class Bills:
    """Reads, never writes."""

    def __init__(self, core: Core, compare: Compare) -> None:
        self._core = core
        self._compare = compare

    async def bill(self, caller: Caller, query: CostQuery) -> Bill:
        """Spend grouped by the named columns, within what the caller may see. Raises BadRequest, Forbidden."""
        team, days = _team(caller, query), days_of(query.since, query.until)
        columns = list(dict.fromkeys([*query.by, "kind"]))
        store, db = self._core.store, self._core.db
        rows = await db(store.spend, columns, *days, team)
        whole = None if team else await db(store.node_cost_nanos, *days)
        compared, left_out = await self._compared(days) if query.compare else (None, 0)
        return Bill(
            by=query.by,
            rows=tuple(_row(row) for row in rows),
            total_usd=sum(row["nano_usd"] for row in rows) / NANOS,
            node_total_usd=None if whole is None else whole / NANOS,
            as_of=self._core.clock.now(),
            since=query.since,
            until=query.until,
            team=team,
            compared=compared,
            left_out=left_out,
        )

    async def _compared(self, days: tuple[date | None, date | None]) -> tuple[tuple[Comparison, ...], int]:
        store, db = self._core.store, self._core.db
        since, until = (None if day is None else _midnight(day) for day in days)
        past = await db(store.past_jobs, since, until, self._compare.most_jobs)
        spent = await db(store.spend, ["pool", "kind"], *days)
        # A replay takes seconds, and must not hold up the gateway
        return tuple(await db(self._compare.replay, past.jobs, spent)), past.left_out


def _team(caller: Caller, query: CostQuery) -> str | None:
    """Whose cost is shown; None: everybody's, with idle time and heads."""
    if caller.sees_all:
        return query.team
    if query.team not in {None, caller.team}:
        raise Forbidden(f"Forbidden: your token is of team '{caller.team}': what '{query.team}' spends is not shown.")
    if query.compare:
        raise Forbidden(
            "Forbidden: a comparison is about all teams' jobs, since they share the pools. "
            "It takes an operator's token, or a viewer's of every team."
        )
    return caller.team


def days_of(since: str | None, until: str | None) -> tuple[date | None, date | None]:
    """The first UTC day, and the one after the last, as days. Raises BadRequest."""
    first, end = _day("since", since), _day("until", until)
    if first and end and first >= end:
        raise BadRequest(f"since {first} is not before until {end}: the day 'until' itself is not counted")
    return first, end


def _day(name: str, text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadRequest(f"{name} '{text}' is no day; write it as 2026-12-01") from None


def _midnight(day: date) -> float:
    return datetime.combine(day, time(), UTC).timestamp()


def _row(row: Mapping[str, Any]) -> CostRow:
    rest = {k: v for k, v in row.items() if k not in {"nano_usd", "node_s"}}
    return CostRow(node_seconds=row["node_s"], usd=row["nano_usd"] / NANOS, **rest)
