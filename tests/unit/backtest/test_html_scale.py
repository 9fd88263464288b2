import math

import pytest

from spillover.backtest.html.scale import days, durations, from_zero, show_tick


@pytest.mark.parametrize("top", [0.003, 1.0, 7.3, 369_964.0, 1e9])
def test_a_scale_from_zero_ends_above_all_values_on_a_round_number(top):
    """Labels are equally far apart, few, and the last is not below the largest value."""
    scale = from_zero([0.0, top, math.inf])
    assert scale.ticks[0] == 0.0 <= top <= scale.ticks[-1] * (1 + 1e-9)
    assert 3 <= len(scale.ticks) <= 7
    assert scale.at(0.0) == 0.0
    assert scale.at(scale.high) == 1.0


def test_a_scale_of_nothing_still_has_an_extent():
    """No value, or zeros alone, do not divide by zero."""
    assert from_zero([]).at(0.0) == durations([]).at(0.0) == from_zero([0.0]).at(0.0) == days(0.0).at(0.0) == 0.0


def test_waits_from_seconds_to_weeks_share_an_axis_with_zero():
    """Equal ratios are equally far apart, and zero lies left of all that is above it."""
    scale = durations([0.0, 2.0, 360_000.0])
    assert scale.at(100.0) - scale.at(10.0) == pytest.approx(scale.at(10_000.0) - scale.at(1000.0))
    assert 0.0 == scale.at(0.0) < scale.at(2.0) < scale.at(360_000.0) < 1.0
    assert [show_tick(t) for t in scale.ticks] == ["0", "10 s", "1 min", "10 min", "1 h", "10 h", "100 h"]


def test_a_narrow_span_of_waits_has_labels_in_between():
    """Where the powers alone would leave an axis without labels, threes join them."""
    assert [show_tick(t) for t in durations([70.0, 800.0]).ticks] == ["0", "1 min", "3 min", "10 min"]


def test_a_time_axis_ends_with_the_time():
    """Its labels are round days within it."""
    scale = days(86_400 * 69.2)
    assert (scale.high, scale.ticks) == (pytest.approx(69.2), (0, 20, 40, 60))
