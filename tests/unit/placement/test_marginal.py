"""The policy `marginal`: its rule, what moves are worth, how it is steered, and what it says."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
from placement_builders import NOW, job
from rule_facts import HOUR, facts

from spillover.placement.policies import make_policy
from spillover.placement.policies.facts import ON_DEMAND, SPOT, WAIT
from spillover.placement.policies.marginal import (
    entry_gain_usd,
    home_gain_usd,
    leave_cost_usd,
    patience_s,
    rule,
    steered_value,
)
from spillover.placement.snapshot import PastWait


def marginal(value: float = 6.0, **settings: object):
    return make_policy("marginal", value_of_waiting=value, **settings)


def test_patience_is_what_renting_would_cost_divided_by_the_value_of_waiting():
    """An hour at $12 buys two hours at $6, of which another factor of 2 for those that can never come home."""
    assert patience_s(6.0, facts()) == pytest.approx(4 * HOUR)
    assert patience_s(6.0, facts(resumable=1)) == pytest.approx(0.6 * HOUR)


def test_who_would_burst_anyway_bursts_at_once():
    """Room after three hours, twice that in doubt, is beyond four hours of patience: nothing is waited for in vain."""
    assert rule((6.0,), facts(wait_s=3 * HOUR)) == (ON_DEMAND, math.inf)
    assert rule((6.0,), facts(wait_s=1.9 * HOUR)) == (WAIT, pytest.approx(NOW + 4 * HOUR))


def test_patience_ends():
    """A job whose patience is over is rented for, however near room may seem."""
    assert rule((6.0,), facts(wait_s=60, submitted_at=NOW - 5 * HOUR))[0] == ON_DEMAND


def test_spot_is_taken_where_it_is_expected_to_be_cheaper():
    """A third of the price, and an interruption every ten hours that costs ten minutes."""
    asked = facts(spot_usd_per_hour=4, resumable=1, interruptions_per_hour=0.1, lost_s=600)
    assert rule((6.0,), asked)[0] == SPOT


def test_coming_home_saves_the_rest_of_the_rent_less_the_move():
    """Two hours at $12, less $1.50 of egress and six minutes at $6 an hour."""
    assert home_gain_usd((6.0,), facts(left_s=2 * HOUR, move_usd=1.5, move_s=360)) == pytest.approx(24 - 1.5 - 0.6)


def test_giving_way_costs_two_pauses_and_one_egress_and_is_weighed_against_a_tenth_of_the_rent():
    """Out costs nothing to transfer, home does."""
    assert leave_cost_usd((6.0,), facts(move_usd=1.5, move_s=360)) == pytest.approx(1.5 + 1.2)
    assert entry_gain_usd((6.0,), facts()) == pytest.approx(1.2)


def past(wait_s: float, count: int = 50, **fields: object) -> list[PastWait]:
    return [PastWait(10.0, wait_s, at=NOW + k * 3600.0, **fields) for k in range(count)]


def test_a_target_that_is_exceeded_raises_the_value_and_one_that_is_not_lowers_it():
    """A tenth too much waiting is e times the value; on target it stays."""
    policy = marginal(6.0, target_mean_wait="5min")
    assert policy.learns
    assert policy.steer(past(330.0), []).value_of_waiting == pytest.approx(6.0 * math.e)
    assert policy.steer(past(270.0), []).value_of_waiting == pytest.approx(6.0 / math.e)
    assert policy.steer(past(300.0), []) is policy
    assert policy.steer(past(900.0, count=3), []) is policy
    assert not marginal().learns


def test_a_budget_that_is_overspent_makes_jobs_wait_longer():
    """Fifty jobs at $10 over 49 hours are $7,347 in 30 days."""
    spends = past(0.0, burst=True)
    assert marginal(6.0, monthly_budget=5000.0).steer(spends, []).value_of_waiting < 6.0
    assert marginal(6.0, monthly_budget=10000.0).steer(spends, []).value_of_waiting > 6.0


def test_the_value_stays_within_bounds_whatever_happened():
    """A queue that was blocked for days does not make the value infinite."""
    assert steered_value(6.0, 1e9) == pytest.approx(6.0 * math.exp(6.0))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"value_of_waiting": 0}, "value_of_waiting is 0; write US dollars an hour above 0"),
        ({"monthly_budget": -1}, "monthly_budget is -1"),
        ({"target_mean_wait": "soon"}, "target_mean_wait 'soon'"),
        ({"target_mean_wait": "5min", "monthly_budget": 10}, "give one of"),
    ],
)
def test_a_wrong_setting_is_named(settings: dict[str, object], told: str):
    """With its value and the remedy."""
    with pytest.raises(ValueError, match=told):
        make_policy("marginal", **settings)


def test_it_says_in_dollars_why_it_waits_or_bursts():
    """What renting costs, what that buys, and what is expected."""
    context = SimpleNamespace(baseline=True, facts=lambda _: facts(wait_s=HOUR))
    waits = marginal().judge(job(), context)
    assert not waits.burst
    assert "renting would cost $12.00, which buys 4 h of waiting at $6.00 an hour" in waits.sentence
    context.facts = lambda _: facts(wait_s=9 * HOUR)
    bursts = marginal().judge(job(), context)
    assert bursts.burst
    assert bursts.sentence.endswith("less than the 18 h until owned room is expected")
    context.baseline = False
    assert marginal().judge(job(), context).reason == "only_burst"
