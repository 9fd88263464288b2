"""Ends of machines that are told late: whatever was booked meanwhile, the ledger comes to what the machine cost."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from spillover.domain.money import EntryKind, LedgerEntry, PaidNode, cost_nanos
from spillover.domain.resources import Resources
from spillover.ledger.reversal import reversals
from spillover.ledger.split import Payer, split

START = 1_800_000_000.0
TOTAL = Resources({"CPU": 8.0})


def booked(price: float, cuts: list[float], holders: list[list[int]]) -> list[LedgerEntry]:
    """A node's entries up to the last cut, with other holders in each span."""
    node = PaidNode("p", "n", "t", "spot", price, is_head=False, ip="ip", since=START, metered_until=START)
    entries, at = [], START
    for cut, cpus in zip(cuts, holders, strict=True):
        if cut > at:
            payers = [Payer(f"j{i}", "team", "user", Resources({"CPU": float(c)})) for i, c in enumerate(cpus)]
            entries += split(replace(node, metered_until=at), TOTAL, payers, Resources(), cut)
            at = cut
    return entries


@st.composite
def histories(draw: st.DrawFn) -> tuple[float, list[LedgerEntry], float, float]:
    """Price, entries over some spans, and two ends, the second the earlier one."""
    price = draw(st.floats(0.0, 100.0, allow_nan=False))
    steps = draw(st.lists(st.floats(0.001, 500.0), min_size=1, max_size=6))
    cuts = [START + sum(steps[: i + 1]) for i in range(len(steps))]
    holders = [draw(st.lists(st.integers(1, 8), max_size=3)) for _ in cuts]
    last = cuts[-1] - START
    first = draw(st.floats(0.0, last))
    return price, booked(price, cuts, holders), START + first, START + draw(st.floats(0.0, first))


@given(histories())
def test_the_ledger_comes_to_what_the_machine_cost(history: tuple[float, list[LedgerEntry], float, float]) -> None:
    """After a late end, and after a second, earlier one, entries add up to the cost of its time, to the nanodollar."""
    price, entries, first, second = history
    for ended_at in (first, second):
        entries = entries + reversals(entries, price, ended_at)
        assert sum(e.nano_usd for e in entries) == cost_nanos(price, START, ended_at)
        assert abs(sum(e.node_s for e in entries) - (ended_at - START)) < 1e-6 * max(1.0, ended_at - START)


@given(histories())
def test_nobody_is_paid_for_a_machine(history: tuple[float, list[LedgerEntry], float, float]) -> None:
    """Taking back leaves each job with what it owes, and never with less than nothing."""
    price, entries, ended_at, _ = history
    entries = entries + reversals(entries, price, ended_at)
    owed: dict[tuple[EntryKind, str | None], int] = {}
    for entry in entries:
        owed[entry.kind, entry.submission_id] = owed.get((entry.kind, entry.submission_id), 0) + entry.nano_usd
    assert all(nanos >= 0 for nanos in owed.values())


@given(histories())
def test_an_end_in_time_takes_nothing_back(history: tuple[float, list[LedgerEntry], float, float]) -> None:
    """What was booked up to the end stays as it is."""
    price, entries, _, _ = history
    assert reversals(entries, price, max(e.end for e in entries)) == []
