"""Takes back what was booked on a machine after its end, which its provider told later than it came.

The ledger is only ever added to: what was too much is booked again with its sign turned.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby

from ..domain.money import LedgerEntry, cost_nanos


def reversals(entries: Iterable[LedgerEntry], price_usd_per_hour: float, ended_at: float) -> list[LedgerEntry]:
    """Entries that take back what `entries` of one node say of the time after `ended_at` (Unix seconds).

    With them, the node's entries add up to what it costs up to `ended_at`, to the nanodollar.
    """
    late = sorted((e for e in _net(entries) if e.end > ended_at), key=lambda e: (e.start, e.end))
    spans = groupby(late, key=lambda e: (e.start, e.end))
    return [entry for _, parts in spans for entry in _span(list(parts), price_usd_per_hour, ended_at)]


def _net(entries: Iterable[LedgerEntry]) -> list[LedgerEntry]:
    """What stands after earlier reversals: an end may be told twice, the second time an earlier one."""
    standing: dict[tuple[object, ...], LedgerEntry] = {}
    for entry in sorted(entries, key=lambda e: e.node_s < 0):
        if entry.node_s >= 0:
            standing[entry.start, entry.end, entry.kind, entry.submission_id] = entry
            continue
        key = next(k for k, e in standing.items() if _takes_back(entry, e))
        whole = standing[key]
        standing[key] = replace(
            whole, end=entry.start, nano_usd=whole.nano_usd + entry.nano_usd, node_s=whole.node_s + entry.node_s
        )
    return [entry for entry in standing.values() if entry.end > entry.start]


def _takes_back(reversal: LedgerEntry, entry: LedgerEntry) -> bool:
    same = (reversal.kind, reversal.submission_id, reversal.end) == (entry.kind, entry.submission_id, entry.end)
    return same and entry.start <= reversal.start


def _span(parts: Sequence[LedgerEntry], price_usd_per_hour: float, ended_at: float) -> list[LedgerEntry]:
    """The parts of one span of a node, which share its cost."""
    start = max(parts[0].start, ended_at)
    share_of_time = (parts[0].end - start) / (parts[0].end - parts[0].start)
    whole = sum(part.nano_usd for part in parts)
    back = cost_nanos(price_usd_per_hour, start, parts[0].end)
    taken, running, found = 0, 0, []
    for part in parts:
        running += part.nano_usd
        # Differences of a rounded running total: the parts add up exactly
        upto = back * running // whole if whole else 0
        found.append(replace(part, start=start, nano_usd=taken - upto, node_s=-part.node_s * share_of_time))
        taken = upto
    return found
