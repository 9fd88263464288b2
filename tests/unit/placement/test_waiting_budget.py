import pytest
from placement_builders import NOW, cloud, down, job, node_type, onprem, shot, up, work

from spillover.domain.decision import Offer, Verdict
from spillover.domain.pool import Market
from spillover.placement.place import decide
from spillover.placement.policies import Context, make_policy
from spillover.placement.snapshot import PastWait

OFFER = Offer("cloud", "spot4", "spot", 1, 0.4, 45.0, 60.0, 0.01)
FIXED = make_policy("waiting_budget", seconds_per_usd=100.0)
TARGET = make_policy("waiting_budget", target_mean_wait="5min")
FULL = up(onprem(), 1, work=[work("w", "4x{CPU:1}", ends_in=9000)])
CLOUD = down(cloud(node_type("od4", Market.ON_DEMAND, 12.4), node_type("spot4", Market.SPOT, 4.0)))


def judge(policy, age=0.0, *, rate=12.4, runtime_s=3600.0, baseline=True):
    context = Context(NOW, OFFER, 60.0, 0.01, [], baseline, lambda: rate)
    return policy.judge(job(submitted_at=NOW - age, runtime_s=runtime_s), context)


def steered(*past, waiting=()):
    return TARGET.steer(past, waiting)


def test_patience_is_what_the_on_demand_price_buys():
    """c seconds for each dollar an hour and each hour of run time."""
    assert judge(FIXED).until == NOW + 1240
    assert judge(FIXED, rate=1.0).until == NOW + 100
    assert judge(FIXED, runtime_s=1800.0).until == NOW + 620


def test_it_says_until_when_in_dollars_and_seconds():
    """The sentence has the price and what it buys; a fixed c is a promise."""
    assert judge(FIXED, age=10).sentence == (
        "waiting_budget bursts it at the latest at 14:07:10 UTC (its on-demand price of $12.40 buys 21 min of waiting)"
    )


def test_a_job_bursts_once_its_patience_is_over():
    """At 1,240 s exactly, and it says what it has waited for."""
    assert not judge(FIXED, age=1239).burst
    found = judge(FIXED, age=1240)
    assert (found.burst, found.reason) == (True, "burst_waiting_budget")
    assert found.sentence == "its on-demand price of $12.40 buys 21 min of waiting, which is over"


def test_nothing_owned_to_wait_for_is_a_reason_to_burst():
    """A job that no baseline pool can run bursts at once, whoever steers."""
    long_waits = [PastWait(1.0, 9000.0)] * 20
    for policy in (FIXED, TARGET, steered(*long_waits)):
        assert judge(policy, baseline=False).reason == "only_burst"


def test_what_costs_nothing_to_rent_is_not_waited_for():
    """A price of zero buys no patience."""
    assert judge(FIXED, rate=0.0).sentence == "renting for it costs nothing"


def test_the_offer_stands_in_for_a_price_that_is_not_known():
    """Where the settings' nodes cannot hold what live ones can, the offer's cost is all there is."""
    assert judge(FIXED, rate=None).until == NOW + 1


def test_a_pass_prices_the_gang_on_demand():
    """The cheaper spot offer is the one compared, and the on-demand price is what patience is weighed by."""
    (found,) = decide(shot([job(runtime_s=3600.0)], FULL, CLOUD), FIXED)
    assert (found.verdict, found.until) == (Verdict.WAIT, NOW - 10 + 1240)
    assert "bursting to cloud would cost" in found.sentence


def test_without_history_each_job_waits_for_the_target():
    """Whatever it costs; nineteen started jobs are too few to steer by."""
    policy = steered(*[PastWait(1.0, 0.0)] * 19)
    assert judge(policy, rate=0.1).until == judge(policy, rate=100.0).until == NOW + 300
    text = "(5 min, the target, for fewer than 20 jobs have started so far)"
    assert text in judge(policy).sentence
    assert judge(policy, age=300).sentence == f"it has waited {text[1:-1]}"


def test_history_sets_how_much_a_dollar_buys():
    """Twenty jobs of $2 that all burst: 150 s for each dollar makes the mean 300 s."""
    policy = steered(*[PastWait(2.0, 0.0, burst=True)] * 20)
    found = judge(policy, rate=2.0)
    assert found.until == NOW + 300
    assert found.sentence.startswith("waiting_budget bursts it as things stand at 13:51:40 UTC")


def test_only_a_target_is_steered():
    """A fixed c looks at no history, and keeps it."""
    assert TARGET.learns
    assert not FIXED.learns
    assert FIXED.steer([PastWait(1.0, 9000.0)] * 20, ()) is FIXED


def test_patience_without_end_is_said():
    """Where nobody needs to burst to keep the target, no time is named."""
    found = judge(steered(*[PastWait(1.0, 10.0)] * 20), age=9e9)
    assert (found.burst, found.until) == (False, None)
    assert found.sentence == (
        "waiting_budget has no reason to burst it, since mean waits stay under the target of 5 min"
    )


def test_a_target_that_cannot_be_met_is_said():
    """Nodes that take ten minutes to start leave nothing of five."""
    found = judge(steered(*[PastWait(1.0, 0.0, 600.0, burst=True)] * 20))
    assert (found.burst, found.sentence) == (True, "a mean wait of 5 min leaves no time to wait")


def test_those_that_wait_are_told_to_the_policy():
    """Boundless patience ends when the queue itself has waited for too long, though nobody has started since."""
    jobs = [job(f"j{n:02d}", submitted_at=NOW - 400 + n, runtime_s=3600.0) for n in range(60)]
    past = [PastWait(12.4, 0.0)] * 20
    early = decide(shot(jobs, FULL, CLOUD, past=past, at=NOW - 300), TARGET)
    assert {d.verdict for d in early} == {Verdict.WAIT}
    late = decide(shot(jobs, FULL, CLOUD, past=past, at=NOW + 100), TARGET)
    assert {d.verdict for d in late} == {Verdict.WAIT, Verdict.TAKE}


def test_work_that_may_not_burst_is_not_weighed():
    """Its waits count as they are: here they use up the whole target, and the one job that may burst does."""
    held = [job(f"h{n:02d}", may_burst=False, submitted_at=NOW - 9000) for n in range(20)]
    free = job("free", runtime_s=3600.0)
    found = decide(shot([*held, free], FULL, CLOUD, past=[PastWait(12.4, 0.0)] * 20), TARGET)
    assert [d.submission_id for d in found if d.verdict is Verdict.TAKE] == ["free"]


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({}, "give one of 'target_mean_wait' and 'seconds_per_usd'"),
        ({"target_mean_wait": 60, "seconds_per_usd": 5}, "give one of"),
        ({"target_mean_wait": "soon"}, "target_mean_wait 'soon' is no duration; write seconds"),
        ({"target_mean_wait": 0}, "target_mean_wait is 0; write more than 0, or take the policy 'immediate'"),
        ({"target_mean_wait": True}, "target_mean_wait True is no duration"),
        ({"seconds_per_usd": 0}, "seconds_per_usd is 0; write a number above 0"),
        ({"seconds_per_usd": "5"}, "seconds_per_usd is '5'"),
        ({"seconds_per_usd": True}, "seconds_per_usd is True"),
        ({"seconds_per_usd": float("inf")}, "seconds_per_usd is inf"),
    ],
)
def test_wrong_settings_are_named(settings, text):
    """A wrong setting is refused with its value and what to write."""
    with pytest.raises(ValueError, match=text):
        make_policy("waiting_budget", **settings)
