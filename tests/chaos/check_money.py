"""The ledger equals the bill, machine by machine and in total."""

from __future__ import annotations

from collections.abc import Iterable

from .records import BillRow, LedgerRow, Violation

NANOS = 1_000_000_000
NANOS_OFF = 1
"""The ledger's spans are rounded down to whole nanodollars at both ends: one machine may be one off, never more."""
SECONDS_OFF = 0.001


def unequal(bill: Iterable[BillRow], ledger: Iterable[LedgerRow]) -> list[Violation]:
    """Machines that were booked otherwise than they were billed, and the total if that differs."""
    billed, booked = {row.id: row for row in bill}, {row.node_id: row for row in ledger}
    found = []
    for name in sorted(billed.keys() | booked.keys()):
        text = _difference(billed.get(name), booked.get(name))
        if text:
            found.append(Violation("ledger_not_bill", name, text))
    total, spent = sum(_nanos(row) for row in billed.values()), sum(row.nano_usd for row in booked.values())
    if abs(total - spent) > NANOS_OFF * len(billed):
        found.append(Violation("ledger_not_bill", "total", f"billed {total} nanodollars, booked {spent}"))
    return found


def error_usd(bill: Iterable[BillRow], ledger: Iterable[LedgerRow]) -> float:
    """Booked minus billed, in total."""
    return (sum(row.nano_usd for row in ledger) - sum(_nanos(row) for row in bill)) / NANOS


def _difference(bill: BillRow | None, entry: LedgerRow | None) -> str:
    if bill is None and entry is not None:
        return f"booked {entry.seconds:.3f} s, but the bill does not know it"
    if entry is None and bill is not None:
        return f"billed {bill.seconds:.0f} s, but nothing was booked" if bill.seconds or bill.usd else ""
    assert bill is not None
    assert entry is not None
    off = abs(entry.nano_usd - _nanos(bill)) > NANOS_OFF or abs(entry.seconds - bill.seconds) > SECONDS_OFF
    if not off:
        return ""
    return (
        f"billed {bill.seconds:.3f} s and {_nanos(bill)} nanodollars, "
        f"booked {entry.seconds:.3f} s and {entry.nano_usd} nanodollars"
    )


def _nanos(row: BillRow) -> int:
    return round(row.usd * NANOS)
