"""Money is whole nanodollars, and days end at midnight UTC."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest

from spillover.domain.money import cost_nanos, day_of, ends_by_day, midnight

DAY_S = 86_400.0
NOW = 1_790_000_000.25


@pytest.mark.parametrize("price", ["0", "0.000000001", "0.0531", "98.32", "499.999999999"])
@pytest.mark.parametrize("span_s", ["0.000001", "1", "59.75", "86400"])
def test_a_cost_is_less_than_a_nanodollar_off(price: str, span_s: str) -> None:
    """Also today, some 1.8e18 microseconds after the epoch, where floating point is off by dozens of nanodollars."""
    exact = Fraction(price) * 10**9 * Fraction(span_s) / 3600
    assert abs(cost_nanos(float(price), NOW, NOW + float(span_s)) - exact) < 1


def test_a_span_is_cut_at_every_midnight() -> None:
    """Three days of downtime are four parts; what begins at midnight is not cut there; what is empty has no part."""
    assert list(ends_by_day(DAY_S - 1, 3 * DAY_S + 1)) == [DAY_S, 2 * DAY_S, 3 * DAY_S, 3 * DAY_S + 1]
    assert list(ends_by_day(DAY_S, 2 * DAY_S)) == [2 * DAY_S]
    assert list(ends_by_day(5.5, 6.5)) == [6.5]
    assert list(ends_by_day(6.0, 6.0)) == list(ends_by_day(6.0, 5.0)) == []


def test_a_day_begins_at_its_midnight() -> None:
    """An instant's day begins not after it, and its last microsecond is still the same day."""
    day = day_of(NOW)
    assert day == date(2026, 9, 21)
    assert day_of(midnight(day)) == day_of(midnight(day) + DAY_S - 1e-6) == day
    assert day_of(midnight(day) + DAY_S) == date(2026, 9, 22)
