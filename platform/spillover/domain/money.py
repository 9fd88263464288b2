"""Money: what was spent, exact in nanodollars so that parts add up to the whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum

NANOS = 1_000_000_000
_MICROS = 1_000_000
_MICROS_PER_HOUR = 3600 * _MICROS
_DAY_S = 86_400


class EntryKind(StrEnum):
    """Who a part of a node's cost belongs to: a job, nobody (idle), or the head that serves all."""

    JOB = "job"
    IDLE = "idle"
    HEAD = "head"
    FOREIGN = "foreign"


@dataclass(frozen=True)
class LedgerEntry:
    """A part of what one node cost over [start, end), Unix seconds. Amounts are nanodollars.

    `node_s` is the node's time times the share that this part takes: it too adds up to the whole. No entry goes over
    midnight UTC, so that each belongs to one day.
    """

    pool: str
    node_id: str
    node_type: str
    market: str
    start: float
    end: float
    kind: EntryKind
    nano_usd: int
    node_s: float
    submission_id: str | None = None
    team: str | None = None
    user: str | None = None


@dataclass(frozen=True)
class PaidNode:
    """A node that costs money from `since` until the provider says it is gone. Metered up to `metered_until`.

    `reclaimed_at`: when the spot market took it back, however much of its time was billed; None if that did not happen.
    """

    pool: str
    node_id: str
    node_type: str
    market: str
    price_usd_per_hour: float
    is_head: bool
    ip: str
    since: float
    metered_until: float
    gone_at: float | None = None
    reclaimed_at: float | None = None


def cost_nanos(price_usd_per_hour: float, start: float, end: float) -> int:
    """Nanodollars for the span, rounded down at both ends of the clock so that adjoining spans add up.

    The cost is the difference of two rounded running totals: splitting a span never changes the sum. Whole numbers
    all the way (nanodollars an hour, microseconds): it is less than a nanodollar off, whatever the span and the price.
    """
    nanos_per_hour = round(price_usd_per_hour * NANOS)
    return _running_total(nanos_per_hour, end) - _running_total(nanos_per_hour, start)


def _running_total(nanos_per_hour: int, at: float) -> int:
    return nanos_per_hour * round(at * _MICROS) // _MICROS_PER_HOUR


def day_of(at: float) -> date:
    """The UTC day of an instant (Unix seconds)."""
    return datetime.fromtimestamp(at // _DAY_S * _DAY_S, UTC).date()


def midnight(day: date) -> float:
    """When the day begins: Unix seconds of 00:00 UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


def ends_by_day(start: float, end: float) -> Iterator[float]:
    """The ends of the parts into which UTC midnights cut [start, end); the last is `end`. None if it is empty."""
    at = start
    while at < end:
        at = min(end, (at // _DAY_S + 1) * _DAY_S)
        yield at
