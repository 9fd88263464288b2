"""The ledger equals the bill: any second, machine or nanodollar that is off is seen."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chaos.check_money import NANOS, error_usd, unequal
from chaos.records import BillRow, LedgerRow

PRICE = 0.0375
SPAN = st.tuples(st.integers(1_700_000_000, 1_800_000_000), st.integers(60, 86_400))


def billed(name: str, seconds: float) -> BillRow:
    return BillRow(name, seconds, seconds * PRICE / 3600)


def booked(name: str, start: int, seconds: float) -> LedgerRow:
    """As the ledger counts: the difference of two running totals in whole nanodollars."""
    per_hour = round(PRICE * NANOS)
    return LedgerRow(name, seconds, int(per_hour * (start + seconds) // 3600 - per_hour * start // 3600))


@given(st.dictionaries(st.text("abc", min_size=1), SPAN, max_size=5))
def test_the_same_seconds_are_equal_whatever_the_rounding(spans: dict[str, tuple[int, int]]) -> None:
    """A ledger of whole nanodollars with the bill's seconds passes, at any time of day."""
    bill = [billed(name, seconds) for name, (_, seconds) in spans.items()]
    assert unequal(bill, [booked(name, *span) for name, span in spans.items()]) == []


@given(SPAN, st.sampled_from([-60, -1, 1, 60]))
def test_a_second_too_few_or_too_many_is_seen(span: tuple[int, int], off: int) -> None:
    """One second of one machine is a violation of that machine and of the total."""
    start, seconds = span
    found = unequal([billed("i", seconds)], [booked("i", start, seconds + off)])
    assert {v.subject for v in found} == {"i", "total"}


def test_machines_on_one_side_only_are_seen() -> None:
    """What was billed and not booked, and what was booked and not billed."""
    found = unequal([billed("i-1", 100)], [booked("i-2", 0, 100)])
    assert [v.subject for v in found] == ["i-1", "i-2"]


def test_a_machine_that_costs_nothing_need_not_be_booked() -> None:
    """The cloud does not bill a spot instance that it takes back within an hour."""
    assert unequal([BillRow("i-1", 0.0, 0.0)], []) == []


def test_the_right_sum_for_the_wrong_seconds_is_seen() -> None:
    """Seconds are compared too: a wrong price must not hide a wrong time."""
    wrong = LedgerRow("i-1", 50.0, round(100 * PRICE / 3600 * NANOS))
    assert [v.subject for v in unequal([billed("i-1", 100)], [wrong])] == ["i-1"]


def test_the_error_is_booked_minus_billed() -> None:
    """In US dollars, over all machines."""
    assert error_usd([BillRow("a", 3600, 1.0)], [LedgerRow("a", 3600, 999_999_999)]) == -1 / NANOS
