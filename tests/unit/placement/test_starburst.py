import math
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from placement_builders import NOW, job
from rule_facts import HOUR, facts

from spillover.placement.policies import make_policy
from spillover.placement.policies.facts import ON_DEMAND, WAIT
from spillover.placement.policies.starburst import Waiting, budget_coefficient, rule

# Waits in hours for a coefficient, GPUs and hours of run time, as the artefact's simulator adds them to the arrival
PUBLISHED = {
    "infinite": lambda c, g, d: math.inf,
    "zero": lambda c, g, d: 0.0,
    "constant": lambda c, g, d: c,
    "runtime": lambda c, g, d: c * d,
    "capacity": lambda c, g, d: c * g,
    "cost": lambda c, g, d: c * (g * d),
    "log_capacity": lambda c, g, d: c * (1 + math.log2(g)),
    "quad_capacity": lambda c, g, d: c * g**2,
}


def starburst(waiting, coefficient=0.25):
    return make_policy("starburst", waiting=waiting, coefficient=coefficient)


def judge(policy, *, baseline=True, **changed):
    found = facts(**changed)
    return policy.judge(job(), SimpleNamespace(baseline=baseline, facts=lambda asked: found))


@given(
    st.sampled_from(list(PUBLISHED)),
    st.floats(0.01, 10),
    st.sampled_from([1, 2, 4, 8, 16, 64]),
    st.floats(0.001, 1000),
    st.floats(0, 1e6),
)
def test_the_wait_is_the_published_one(waiting, c, gpus, hours, waited_s):
    """For each function: the job waits until submission + w, and from then on is rented for."""
    policy = starburst(waiting, c)
    asked = facts(accelerators=gpus, left_s=hours * HOUR, submitted_at=NOW - waited_s)
    choice, until = rule(policy.knobs, asked)
    wait_s = PUBLISHED[waiting](c, gpus, hours) * HOUR
    if choice == WAIT:
        assert until == pytest.approx(NOW - waited_s + wait_s)
        assert until > NOW
    else:
        assert (choice, until) == (ON_DEMAND, math.inf)
        assert wait_s <= waited_s * (1 + 1e-9) + 1e-3


def test_every_function_is_compared():
    """There are no others than those of the artefact."""
    assert [str(waiting) for waiting in Waiting] == list(PUBLISHED)


def test_fractions_of_an_accelerator_wait_no_negative_time():
    """log2 of a quarter is -2: such a job waits not at all, as one that has none."""
    for gpus in (0.0, 0.25, 0.5):
        assert rule(starburst("log_capacity", 1.0).knobs, facts(accelerators=gpus)) == (ON_DEMAND, math.inf)


RUNS_H, GPUS = (1.0, 2.0, 9.0), (8.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("waiting", "c"),
    [("constant", 1.0), ("runtime", 0.25), ("capacity", 3 / 10), ("cost", 3 / 19), ("quad_capacity", 3 / 66)],
)
def test_coefficients_spend_a_quarter_of_the_run_time(waiting, c):
    """Mean run time 4 h, so 1 h of patience in the mean: over 10 GPUs, 19 GPU-hours, 66 squared GPUs of three jobs."""
    assert budget_coefficient(waiting, [h * HOUR for h in RUNS_H], GPUS) == pytest.approx(c)


def test_a_share_may_be_another():
    """Half the run time gives twice the coefficient."""
    assert budget_coefficient("constant", [h * HOUR for h in RUNS_H], GPUS, 0.5) == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("waiting", "gpus", "text"),
    [
        ("zero", [1.0], "waiting 'zero' has no coefficient"),
        ("capacity", [0.0], "waiting 'capacity' lets none of these jobs wait"),
        ("linear", [1.0], "waiting is 'linear'; known are infinite, zero, constant"),
    ],
)
def test_a_coefficient_that_cannot_be_found_is_said(waiting, gpus, text):
    """With the function and the reason."""
    with pytest.raises(ValueError, match=text):
        budget_coefficient(waiting, [HOUR], gpus)


def test_it_says_how_long_and_by_which_function():
    """A judge's words have the function, its wait, and the time of day."""
    found = judge(starburst("cost", 0.5), left_s=HOUR)
    assert (found.burst, found.until) == (False, NOW + 2 * HOUR)
    assert found.sentence == (
        "starburst bursts it as things stand at 15:46:40 UTC (its waiting function 'cost' gives it 2 h of waiting)"
    )
    found = judge(starburst("zero"))
    assert (found.burst, found.reason) == (True, "burst_starburst")
    assert found.sentence == "its waiting function 'zero' gives it 0 s of waiting, which is over"
    assert judge(starburst("infinite")).until is None


def test_nothing_owned_to_wait_for_is_a_reason_to_burst():
    """A job that no baseline pool can run bursts at once, even under `infinite`."""
    assert judge(starburst("infinite"), baseline=False).reason == "only_burst"


def test_by_default_it_waits_a_quarter_of_the_run_time():
    """Starburst's waiting budget, for the one function that needs no history for it."""
    assert make_policy("starburst").knobs == starburst("runtime", 0.25).knobs


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"waiting": "linear"}, "waiting is 'linear'; known are infinite"),
        ({"waiting": 5}, "waiting is 5; known are"),
        ({"waiting": "cost", "coefficient": -1}, "coefficient is -1"),
        ({"waiting": "cost", "coefficient": True}, "coefficient is True"),
        ({"coefficient": None}, "coefficient is None; write a number of at least 0"),
    ],
)
def test_wrong_settings_are_named(settings, text):
    """A wrong setting is refused with its value."""
    with pytest.raises(ValueError, match=text):
        make_policy("starburst", **settings)
