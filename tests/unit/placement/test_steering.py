import math

import pytest

from spillover.placement.snapshot import PastWait
from spillover.placement.steering import seconds_per_usd


def owned(usd, wait_s, start_s=0.0):
    return PastWait(usd, wait_s, start_s)


def rented(usd, wait_s, start_s=0.0):
    return PastWait(usd, wait_s, start_s, burst=True)


def test_jobs_that_burst_wait_in_proportion():
    """Two jobs of $1 and $3 that only patience ended: at c = 50 they wait 50 s and 150 s, in the mean 100 s."""
    assert seconds_per_usd([rented(1, 9), rented(3, 9)], [], 100) == 50


def test_a_job_that_found_owned_room_waits_no_longer_than_it_did():
    """The wait of 40 s is used up from c = 40 on, and all the rest goes to the other job."""
    assert seconds_per_usd([owned(1, 40), rented(1, 9)], [], 100) == 160


def test_below_its_wait_such_a_job_would_have_burst():
    """For a mean of 30 s both may wait 30 s, though one would have found owned room after 400 s."""
    assert seconds_per_usd([owned(1, 400), rented(1, 9)], [], 30) == 30


def test_patience_has_no_end_where_waits_stay_under_the_target():
    """Nobody burst, and the mean wait is 60 s: there is nothing to pay for, up to a target of exactly that."""
    past = [owned(1, 0), owned(1, 120)]
    assert seconds_per_usd(past, [], 60) == math.inf
    assert seconds_per_usd(past, [], 59) < 120


def test_a_job_that_waits_counts_with_its_wait_so_far():
    """A queue that nobody leaves ends boundless patience as soon as it exceeds the target."""
    past = [owned(1, 0)] * 3
    assert seconds_per_usd(past, [owned(1, 400)], 100) == math.inf
    assert seconds_per_usd(past, [owned(1, 401)], 100) == 400


def test_jobs_without_a_choice_wait_whatever_c_is():
    """A wait that no patience could end takes from what is left for the others."""
    assert seconds_per_usd([owned(None, 100), rented(1, 9)], [], 100) == 100
    assert seconds_per_usd([PastWait(None, 0.0, 60.0, burst=True), rented(1, 9)], [], 100) == 140


def test_the_start_of_rented_nodes_is_part_of_the_wait():
    """With 30 s until its node is up, a job has 70 s of a target of 100 s to wait for owned room."""
    assert seconds_per_usd([rented(1, 9, 30)], [], 100) == 70


def test_of_two_patiences_that_reach_the_target_the_longer_is_taken():
    """From c = 80 on nine jobs find owned room after 80 s, which is sooner than bursting at c = 0 in 100 s."""
    past = [*[owned(1, 80)] * 9, rented(1, 9, 100)]
    assert seconds_per_usd(past, [], 90) == 80
    assert seconds_per_usd(past, [], 100) == 180


def test_a_target_that_nothing_reaches_gets_what_comes_nearest():
    """Nodes start in 100 s. Where owned room takes longer, nobody waits; where it comes sooner, all wait for that."""
    assert seconds_per_usd([owned(1, 500), rented(1, 9, 100)], [], 10) == 0
    assert seconds_per_usd([owned(1, 20)] * 9 + [rented(1, 9, 100)], [], 10) == pytest.approx(20)


def test_history_without_prices_sets_no_limit():
    """Where no job had a choice, waits that keep the target leave patience without end, and longer ones none."""
    assert seconds_per_usd([owned(None, 50)], [], 60) == math.inf
    assert seconds_per_usd([owned(None, 50)], [], 40) == 0
