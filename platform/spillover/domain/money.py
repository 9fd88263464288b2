"""Money: what was spent, exact in nanodollars so that parts add up to the whole."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

NANOS = 1_000_000_000


class EntryKind(StrEnum):
    """Who a part of a node's cost belongs to: a job, nobody (idle), or the head that serves all."""

    JOB = "job"
    IDLE = "idle"
    HEAD = "head"
    FOREIGN = "foreign"


@dataclass(frozen=True)
class LedgerEntry:
    """A part of what one node cost over [start, end), Unix seconds. Amounts are nanodollars.

    `node_s` is the node's time times the share that this part takes: it too adds up to the whole.
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
    """A node that costs money from `since` until the provider says it is gone. Metered up to `metered_until`."""

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


def cost_nanos(price_usd_per_hour: float, start: float, end: float) -> int:
    """Nanodollars for the span, rounded down at both ends of the clock so that adjoining spans add up.

    The cost is the difference of two rounded running totals: splitting a span never changes the sum.
    """
    nanos_per_second = price_usd_per_hour * NANOS / 3600.0
    return int(end * nanos_per_second) - int(start * nanos_per_second)
