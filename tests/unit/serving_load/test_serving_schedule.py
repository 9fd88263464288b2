"""When the load generator sends requests."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from serving.schedule import Phase, arrivals, cut, length, phase_at, rate_at

CALM_BUSY = (Phase("calm", 50, 10), Phase("rise", 20, 10, 100), Phase("busy", 50, 100))


def test_arrivals_follow_the_rate() -> None:
    """In each phase there are as many requests as its rate says, to four standard deviations of a Poisson count."""
    due = arrivals(CALM_BUSY, seed=1)
    begun = 0.0
    for phase in CALM_BUSY:
        found = sum(begun <= at < begun + phase.seconds for at in due)
        assert abs(found - phase.requests) < 4 * math.sqrt(phase.requests), phase.name
        begun += phase.seconds


def test_a_ramp_has_more_requests_at_its_high_end() -> None:
    """From 0 to 100 a second, three quarters of the requests come in the second half."""
    due = arrivals([Phase("rise", 100, 0, 100)], seed=2)
    assert sum(at >= 50 for at in due) / len(due) == pytest.approx(0.75, abs=0.03)


def test_gaps_are_a_poisson_process() -> None:
    """Gaps at a steady rate have the mean and the spread of an exponential distribution: they are not evenly spaced."""
    due = arrivals([Phase("steady", 1000, 10)], seed=3)
    gaps = [after - before for before, after in pairwise(due)]
    mean = sum(gaps) / len(gaps)
    spread = math.sqrt(sum((gap - mean) ** 2 for gap in gaps) / len(gaps))
    assert mean == pytest.approx(0.1, rel=0.05)
    assert spread == pytest.approx(0.1, rel=0.05)


def test_a_seed_is_a_schedule() -> None:
    """The same seed gives the same times in ascending order within the phases, another seed other ones."""
    due = arrivals(CALM_BUSY, seed=4)
    assert due == arrivals(CALM_BUSY, seed=4) == sorted(due)
    assert due != arrivals(CALM_BUSY, seed=5)
    assert due[0] > 0
    assert due[-1] < length(CALM_BUSY) == 120


def test_nothing_comes_while_the_rate_is_zero() -> None:
    """A phase of rate 0 is a pause, and the next one is as busy as it should be."""
    due = arrivals([Phase("pause", 10, 0), Phase("busy", 10, 50)], seed=6)
    assert min(due) >= 10
    assert len(due) == pytest.approx(500, rel=0.2)


def test_a_phase_that_is_cut_ends_and_the_rest_comes_earlier() -> None:
    """Arrivals before the cut stay as they were, and after it they are those of the next phases."""
    phases = (Phase("busy", 100, 20), Phase("fall", 10, 20, 0), Phase("calm", 50, 1))
    shorter = cut(phases, 30)
    assert [phase.seconds for phase in shorter] == [30, 10, 50]
    before, after = arrivals(phases, seed=8), arrivals(shorter, seed=8)
    same = sum(at < 30 for at in before)
    assert before[:same] == after[:same]
    assert after[same] >= 30
    assert sum(at >= 40 for at in after) == pytest.approx(50, abs=28)


def test_a_ramp_that_is_cut_ends_at_the_rate_that_it_had_reached() -> None:
    """A quarter of the way from 10 to 50 it is at 20; a time beyond all phases cuts nothing."""
    assert cut([Phase("rise", 100, 10, 50)], 25) == [Phase("rise", 25, 10, 20)]
    assert cut(CALM_BUSY, 500) == list(CALM_BUSY)


def test_the_rate_and_the_phase_at_a_time_are_known() -> None:
    """In the middle of a ramp the rate is the mean of its ends; after the end there is none, and the last phase."""
    assert rate_at(CALM_BUSY, 60) == 55
    assert phase_at(CALM_BUSY, 60).name == "rise"
    assert rate_at(CALM_BUSY, 120) == 0
    assert phase_at(CALM_BUSY, 500).name == "busy"


@pytest.mark.parametrize(("seconds", "begin", "end"), [(-1, 1, 1), (1, -1, 1), (1, 1, math.nan)])
def test_a_rate_below_zero_is_refused(seconds: float, begin: float, end: float) -> None:
    """A phase that makes no sense names itself in its error."""
    with pytest.raises(ValueError, match="phase 'odd'"):
        Phase("odd", seconds, begin, end)
