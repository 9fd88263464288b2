"""How long to train between checkpoints."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture
def interval(load: Callable[[str], Any]) -> ModuleType:
    return load("lm.checkpoints.interval")


def _expected_s(train_s: float, cost_s: float, mtbf_s: float) -> float:
    """Wall time for each second of work, with exponential failures and no restart cost (Daly 2006, eq. 20)."""
    return mtbf_s * math.expm1((train_s + cost_s) / mtbf_s) / train_s


@pytest.mark.parametrize(("cost_s", "mtbf_s"), [(0.2, 12000.0), (30.0, 3600.0), (300.0, 3600.0), (1000.0, 3600.0)])
def test_daly_finds_the_least_expected_time(interval: ModuleType, cost_s: float, mtbf_s: float) -> None:
    """Daly's interval is within 2% of the one that a search over the exact model finds; Young's is further off."""
    best = min((mtbf_s * 1.005**-n for n in range(2000)), key=lambda t: _expected_s(t, cost_s, mtbf_s))
    daly, young = interval.daly_s(cost_s, mtbf_s), interval.young_s(cost_s, mtbf_s)
    assert daly == pytest.approx(best, rel=0.02)
    assert abs(young - best) >= abs(daly - best)


def test_daly_for_checkpoints_that_cost_more_than_failures(interval: ModuleType) -> None:
    """From a cost of twice the mean time between failures on, the interval is that mean time."""
    assert interval.daly_s(200.0, 100.0) == 100.0


def test_auto_measures_first(interval: ModuleType) -> None:
    """The first automatic checkpoint comes after 30 s, since nothing is known yet."""
    made = interval.Interval.of("auto", 0.3)
    made.start(0, 1000.0)
    assert not made.due(5, 1029.0)
    assert made.due(5, 1030.0)


def test_auto_follows_the_stall(interval: ModuleType) -> None:
    """Once a checkpoint was measured, the interval is Daly's for its stall and for all nodes' interruptions."""
    made = interval.Interval.of("auto", 0.6)
    made.measured(2.0, 5.0)
    assert made.seconds == interval.daly_s(2.0, 6000.0)


def test_auto_is_never_shorter_than_writing_takes(interval: ModuleType) -> None:
    """A checkpoint that stalls for a moment but takes long to write is not begun before the last one is done."""
    made = interval.Interval.of("auto", 60.0)
    made.measured(0.001, 50.0)
    assert made.seconds == 50.0


def test_auto_without_interruptions_saves_every_hour(interval: ModuleType) -> None:
    """A pool that is never interrupted still has a checkpoint an hour."""
    made = interval.Interval.of("auto", 0.0)
    made.measured(1.0, 2.0)
    assert made.seconds == 3600.0


@pytest.mark.parametrize(("text", "seconds"), [("600s", 600), ("10min", 600), ("1h", 3600), ("0.5 h", 1800)])
def test_a_fixed_time(interval: ModuleType, text: str, seconds: float) -> None:
    """A time is kept whatever a checkpoint costs, counted from the last one."""
    made = interval.Interval.of(text, 0.3)
    made.measured(100.0, 10_000.0)
    made.start(7, 50.0)
    assert not made.due(10**9, 50.0 + seconds - 1)
    assert made.due(7, 50.0 + seconds)


def test_a_fixed_number_of_steps(interval: ModuleType) -> None:
    """Steps count from the last checkpoint, whatever the clock says."""
    made = interval.Interval.of("200 steps", 0.3)
    made.start(50, 0.0)
    assert not made.due(249, 1e9)
    assert made.due(250, 0.0)


def test_never(interval: ModuleType) -> None:
    """`never` is never due."""
    assert not interval.Interval.of("never", 0.3).due(10**9, 1e12)


@pytest.mark.parametrize("text", ["", "often", "10", "10 days", "-5min", "0 steps", "0s", "2.5 steps", "10min later"])
def test_other_texts_are_refused(interval: ModuleType, text: str) -> None:
    """What is no interval is named in the error."""
    with pytest.raises(ValueError, match=f"every={text}: "):
        interval.Interval.of(text, 0.3)


@pytest.mark.parametrize(
    ("text", "shown"),
    [("60s", "40 s"), ("10min", "10 min"), ("200 steps", "195 steps"), ("never", "never"), ("1s", "0 s")],
)
def test_what_people_read(interval: ModuleType, text: str, shown: str) -> None:
    """The time or the steps that are left, in words."""
    made = interval.Interval.of(text, 0.3)
    made.start(0, 0.0)
    assert made.next_in(5, 20.0) == shown
