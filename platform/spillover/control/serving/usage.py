"""What requests to applications came to: counts, tokens, time, and their share of what the replicas cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from ...domain.access import Caller
from ...domain.answers import UsageReport, UsageRow
from ...domain.money import NANOS
from ...domain.questions import UsageQuery
from ...domain.serving import Usage
from ..bills import days_of
from ..core import Core

Place = tuple[str, str, str]  # application, pool, day

_FIELDS = {"tenant": "tenant", "application": "application", "key": "key_id", "pool": "pool", "day": "day"}


class Usages:
    """Reads, never writes."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def report(self, caller: Caller, query: UsageQuery) -> UsageReport:
        """Requests grouped by the named columns, within what the caller may see. Raises BadRequest."""
        days = days_of(query.since, query.until)
        store, db = self._core.store, self._core.db
        usage, costs = await db(store.usage, *days), await db(store.replica_costs, *days)
        theirs = {a.name for a in await db(store.applications) if caller.sees(a.team) or caller.user == a.user}
        priced = shares(usage, costs)
        shown = [
            (part, usd)
            for part, usd in priced
            if query.tenant in (None, part.tenant) and (caller.sees(part.tenant) or part.application in theirs)
        ]
        whole = caller.sees_all and query.tenant is None
        unused = (sum(costs.values()) / NANOS - sum(usd for _, usd in priced)) if whole else None
        return UsageReport(
            by=query.by,
            rows=grouped(shown, query.by),
            total_usd=sum(usd for _, usd in shown),
            unused_usd=None if unused is None else max(0.0, unused),
            as_of=self._core.clock.now(),
            since=query.since,
            until=query.until,
        )


def shares(usage: Sequence[Usage], costs: Mapping[Place, int]) -> list[tuple[Usage, float]]:
    """Each part of the usage with its share in US dollars: of the replicas' cost on the same pool and day, by `busy_s`.

    What reached no replica, or no longer than an instant, has no share.
    """
    busy: dict[Place, float] = defaultdict(float)
    for part in usage:
        busy[_place(part)] += part.busy_s
    return [(part, _share(part, busy[_place(part)], costs.get(_place(part), 0))) for part in usage]


def _share(part: Usage, busy_s: float, nano_usd: int) -> float:
    return part.busy_s / busy_s * nano_usd / NANOS if busy_s > 0 else 0.0


def _place(part: Usage) -> Place:
    return part.application, part.pool, part.day


def grouped(priced: Sequence[tuple[Usage, float]], by: Sequence[str]) -> tuple[UsageRow, ...]:
    """Sums by these columns of UsageQuery, in their order."""
    groups: dict[tuple[str, ...], list[tuple[Usage, float]]] = defaultdict(list)
    for part, usd in priced:
        groups[tuple(getattr(part, _FIELDS[name]) for name in by)].append((part, usd))
    return tuple(_row(dict(zip(by, key, strict=True)), found) for key, found in sorted(groups.items()))


def _row(columns: Mapping[str, Any], found: Sequence[tuple[Usage, float]]) -> UsageRow:
    parts = [part for part, _ in found]
    return UsageRow(
        requests=sum(p.requests for p in parts),
        errors=sum(p.errors for p in parts),
        tokens_in=sum(p.tokens_in for p in parts),
        tokens_out=sum(p.tokens_out for p in parts),
        busy_s=sum(p.busy_s for p in parts),
        usd=sum(usd for _, usd in found),
        **columns,
    )
