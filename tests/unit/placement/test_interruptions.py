import math

import numpy as np
import pytest
from placement_builders import cloud, res

from spillover.domain.job import Hints
from spillover.domain.terms import Terms
from spillover.placement.interruptions import (
    MOST_TRIES,
    NO_STOPS,
    Setback,
    Stops,
    checkpoint_gb,
    set_rate,
    setback_of,
)

HOUR_S = 3600.0
PER_S = 0.3 / HOUR_S
RESUMES = Stops(PER_S, Setback(600.0, resumable=True))
STARTS_ANEW = Stops(PER_S, Setback(600.0, resumable=False))


def test_a_resumable_job_pays_each_interruption_once():
    """Ten hours at 0.3 an hour are three interruptions of ten minutes each."""
    assert RESUMES.expected(10 * HOUR_S) == pytest.approx(3.0)
    assert RESUMES.extra_s(10 * HOUR_S) == pytest.approx(1800.0)


def test_a_job_that_starts_anew_needs_one_piece():
    """Two hours at 0.3 an hour take exp(0.6) tries, (exp(0.6) - 1) / 0.3 hours, and a restart for each in vain."""
    assert STARTS_ANEW.expected(2 * HOUR_S) == pytest.approx(math.exp(0.6) - 1)
    whole_s = (math.exp(0.6) - 1) * (HOUR_S / 0.3 + 600)
    assert STARTS_ANEW.extra_s(2 * HOUR_S) == pytest.approx(whole_s - 2 * HOUR_S)


def test_what_is_expected_is_what_happens():
    """Of 20,000 simulated jobs the mean time to get through is within 2% of the formula."""
    chance, work_s = np.random.default_rng(1), 4 * HOUR_S
    spent = np.zeros(20_000)
    left = np.arange(20_000)
    while left.size:
        until = chance.exponential(1 / PER_S, left.size)
        through = until >= work_s
        spent[left] += np.where(through, work_s, until + 600.0)
        left = left[~through]
    assert spent.mean() == pytest.approx(work_s + STARTS_ANEW.extra_s(work_s), rel=0.02)


def test_tries_are_capped():
    """A week without checkpoints is counted with 20 interruptions, and no more work makes it more."""
    week_s = 168 * HOUR_S
    assert STARTS_ANEW.expected(week_s) == pytest.approx(MOST_TRIES)
    assert STARTS_ANEW.extra_s(week_s) == STARTS_ANEW.extra_s(2 * week_s)
    assert STARTS_ANEW.extra_s(week_s) < week_s


@pytest.mark.parametrize("stops", [RESUMES, STARTS_ANEW, NO_STOPS])
@pytest.mark.parametrize("work_s", [1.0, HOUR_S, 9 * HOUR_S, 400 * HOUR_S])
def test_the_work_that_is_done_in_time_is_the_inverse(stops, work_s):
    """What takes so long is what is done in so long, below and beyond the cap."""
    assert stops.work_within(work_s + stops.extra_s(work_s)) == pytest.approx(work_s)


def test_nothing_is_done_in_no_time():
    """Time that is over leaves no work."""
    assert (RESUMES.work_within(-5.0), STARTS_ANEW.work_within(0.0), NO_STOPS.work_within(-1.0)) == (0.0, 0.0, 0.0)


def test_a_setback_is_half_an_interval_a_new_node_a_checkpoint_and_a_restart():
    """Of a job with two GPUs: 300 s of work, 45 s of start-up, 20 GB at 5 Gbit/s, 120 s. Others lose no interval."""
    resumable = setback_of(Hints(resumable=True), res(GPU=2), cloud(), Terms())
    assert resumable == Setback(pytest.approx(300 + 45 + 32 + 120), resumable=True)
    assert setback_of(Hints(), res(GPU=2), cloud(), Terms()) == Setback(45 + 120, resumable=False)


def test_a_job_without_gpus_has_a_checkpoint_of_one():
    """Its size is the setting's, for each GPU and at least once."""
    terms = Terms(checkpoint_gb=3.0)
    assert [checkpoint_gb(r, terms) for r in (res(CPU=64), res(GPU=0.5), res(GPU=4))] == [3.0, 3.0, 12.0]


def test_a_rate_says_where_it_comes_from():
    """One that was set is said to be."""
    assert set_rate(0.25) == (0.25, "0.25 an hour each by setting")
