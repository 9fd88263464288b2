import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rule_facts import HOUR, facts

from spillover.placement.policies.facts import ON_DEMAND, SPOT
from spillover.placement.policies.markets import market, on_demand, on_spot, one_try, repeated, resumed, spread


def on(resumable=0.0, **changed):
    """Spot at $4 an hour beside $12 on demand, interrupted every two hours."""
    values = {"spot_usd_per_hour": 4.0, "interruptions_per_hour": 0.5, "resumable": resumable}
    return facts(**{**values, **changed})


def test_a_resumed_job_pays_for_what_it_repeats():
    """Ten hours, 12 minutes lost each time at one in two hours: 10 / (1 - 0.1) hours, and the rest is delay."""
    found = resumed(on(1.0, left_s=10 * HOUR, lost_s=600, startup_s=120))
    assert found.usd == pytest.approx(4 * 10 / 0.9)
    assert found.delay_s == pytest.approx(10 * HOUR / 9)


def test_losses_as_long_as_what_lies_between_them_never_end():
    """Two hours lost every two hours: no progress at any price."""
    assert resumed(on(1.0, lost_s=2 * HOUR)).usd == math.inf
    assert market(on(1.0, lost_s=2 * HOUR), 0.0) == ON_DEMAND


def test_one_try_by_hand():
    """An hour at one interruption in two hours: broken with 1 - e^-0.5, and then an hour on demand."""
    broken = 1 - math.exp(-0.5)
    found = one_try(on(once_usd=0.5, startup_s=100))
    assert found.usd == pytest.approx(4 * 2 * broken + 12 * broken + 0.5 * (1 + broken))
    assert found.delay_s == pytest.approx((2 * broken - math.exp(-0.5)) * HOUR + 100 * broken)


def test_repeating_a_known_time_by_hand():
    """(e^hT - 1) / h: an hour at one interruption in two hours takes 1.297 h."""
    found = repeated(on())
    assert found.usd == pytest.approx(4 * 2 * math.expm1(0.5))
    assert found.delay_s == pytest.approx((2 * math.expm1(0.5) - 1) * HOUR)
    assert repeated(on(left_s=1000 * HOUR)).usd == math.inf


def test_a_known_time_is_repeated_where_that_is_cheaper():
    """Of a short job on spot at a third; not of one that would never get through."""
    assert on_spot(on(), 0.0) == repeated(on())
    assert on_spot(on(left_s=40 * HOUR), 0.0) == one_try(on(left_s=40 * HOUR))


@pytest.mark.parametrize(("mean_h", "median_h", "rate"), [(1.0, 1.0, 0.5), (3.0, 1.0, 0.3), (4.0, 0.3, 1.4)])
def test_one_try_is_what_draws_say(mean_h, median_h, rate):
    """400,000 log-normal run times and exponential interruptions give the same mean cost and delay within 2%."""
    asked = on(left_s=mean_h * HOUR, median_s=median_h * HOUR, interruptions_per_hour=rate, startup_s=180)
    draw, n = np.random.default_rng(1), 400_000
    sigma = spread(mean_h, median_h)
    time = median_h * np.exp(sigma * draw.standard_normal(n))
    broken_at = draw.exponential(1 / rate, n)
    held, broken = np.minimum(time, broken_at), broken_at < time
    usd = (4 * held + 12 * time * broken).mean()
    delay_s = (broken * (broken_at * HOUR + 180)).mean()
    assert one_try(asked).usd == pytest.approx(usd, rel=0.02)
    assert one_try(asked).delay_s == pytest.approx(delay_s, rel=0.02)


def test_heavy_tails_leave_one_try_little_to_win_or_lose():
    """Of a mean of 3 h. Known: a try saves over 30% at an interruption in ten hours and loses at one an hour.
    With a median of 6 min, hours sit in long runs that are interrupted, which costs little beside them: 0 to 15%."""
    for rate, least, most in ((0.1, 0.5, 0.7), (1.0, 1.0, 1.1)):
        known = on(left_s=3 * HOUR, median_s=3 * HOUR, interruptions_per_hour=rate)
        heavy = known._replace(median_s=0.1 * HOUR)
        assert least < one_try(known).usd / on_demand(known).usd < most
        assert 0.85 < one_try(heavy).usd / on_demand(heavy).usd < 1.0


def test_no_spot_node_means_on_demand():
    """Infinite price, whatever the job."""
    for resumable in (0.0, 1.0):
        assert market(on(resumable, spot_usd_per_hour=math.inf), 5.0) == ON_DEMAND


def test_waiting_has_its_price():
    """Ten hours on spot save $76 and take 1.1 h longer: worth it at $50 an hour, not at $80."""
    asked = on(1.0, left_s=10 * HOUR, lost_s=720)
    assert market(asked, 50.0) == SPOT
    assert market(asked, 80.0) == ON_DEMAND


@given(
    st.sampled_from([0.0, 1.0]),
    st.floats(60, 1e6),
    st.floats(0.01, 2),
    st.floats(0, 3),
    st.floats(0, 1800),
    st.floats(0, 100),
)
def test_more_interruptions_never_make_spot_better(resumable, left_s, ratio, rate, lost_s, value):
    """What on-demand nodes win they keep at twice the rate; and at a rate of zero the cheaper node wins."""
    asked = on(resumable, left_s=left_s, median_s=left_s * ratio, lost_s=lost_s, interruptions_per_hour=rate)
    if market(asked, value) == ON_DEMAND:
        assert market(asked._replace(interruptions_per_hour=2 * rate), value) == ON_DEMAND
    assert market(asked._replace(interruptions_per_hour=0.0), value) == SPOT
    assert on_spot(asked, value).delay_s >= -1e-6 * left_s
