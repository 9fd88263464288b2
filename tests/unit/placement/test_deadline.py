import math
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from placement_builders import NOW, job
from rule_facts import HOUR, facts

from spillover.domain.job import Hints
from spillover.placement.policies import make_policy
from spillover.placement.policies.base import learner
from spillover.placement.policies.deadline import last_call, may_leave, meet, must_rent_at
from spillover.placement.policies.facts import ON_DEMAND, SPOT, WAIT
from spillover.placement.snapshot import PastWait

POLICY = make_policy("deadline")


def due(done_h=0.0, work_h=8.0, age_h=0.0, total_h=10.0, *, spot=False, resumable=1.0, **changed):
    """A job of some work left, of some age, with so many hours from submission to deadline; a change takes 0.25 h."""
    values = {
        "submitted_at": NOW - age_h * HOUR,
        "deadline_at": NOW + (total_h - age_h) * HOUR,
        "safe_s": work_h * HOUR,
        "done_s": done_h * HOUR,
        "startup_s": 0.1 * HOUR,
        "lost_s": 0.15 * HOUR,
        "spot_usd_per_hour": 4.0 if spot else math.inf,
        "resumable": resumable,
    }
    return facts(**{**values, **changed})


def decide(asked, tight_at=0.6):
    choice, until = meet((tight_at,), asked)
    return choice, (until - NOW) / HOUR


def test_behind_even_progress_it_rents_on_demand():
    """8 of 10 hours: after 5 h even progress is 4 h. With 3.9 done it is behind, with 4.1 it may wait a little."""
    assert decide(due(3.9, 4.1, 5.0)) == (ON_DEMAND, math.inf)
    choice, until = decide(due(4.1, 3.9, 5.0))
    assert (choice, until) == (WAIT, pytest.approx(0.125))  # even progress reaches 4.1 h at 5.125 h


def test_spot_is_taken_even_when_behind():
    """Rule 2 of the paper, and not where it costs as much as on demand."""
    assert decide(due(3.9, 4.1, 5.0, spot=True))[0] == SPOT
    assert decide(due(3.9, 4.1, 5.0, spot_usd_per_hour=12.0))[0] == ON_DEMAND


def test_the_safety_net_is_work_and_two_changes():
    """R < C + 2d, here 4.6 h: then spot is out of the question."""
    assert decide(due(3.9, 4.1, 5.41, spot=True)) == (ON_DEMAND, math.inf)
    choice, until = decide(due(3.9, 4.1, 5.39, spot=True))
    assert (choice, until) == (SPOT, pytest.approx(0.01))


def test_a_loose_deadline_is_no_hurry():
    """3 of 10 hours: it waits until its work is six tenths of the time left, which is after 5 h."""
    assert decide(due(0.0, 3.0, 0.0)) == (WAIT, pytest.approx(5.0))
    assert decide(due(0.0, 3.0, 5.1)) == (ON_DEMAND, math.inf)
    assert decide(due(0.0, 3.0, 0.0), tight_at=1.0) == (WAIT, pytest.approx(6.5))  # greedy: the net alone


def test_owned_room_in_time_is_waited_for():
    """Before spot, if it is expected before the job would have to rent on demand."""
    assert decide(due(0.0, 3.0, 0.0, spot=True, wait_s=4.9 * HOUR))[0] == WAIT
    assert decide(due(0.0, 3.0, 0.0, spot=True, wait_s=5.1 * HOUR))[0] == SPOT


def test_a_job_that_cannot_be_resumed_waits_for_the_net():
    """It cannot leave an on-demand node once it is ahead, nor survive a spot one: C + 2d before the deadline, then."""
    assert decide(due(0.0, 8.0, 0.0, spot=True, resumable=0.0)) == (WAIT, pytest.approx(1.5))
    assert decide(due(0.0, 8.0, 1.51, resumable=0.0)) == (ON_DEMAND, math.inf)


def test_work_that_was_lost_is_no_progress():
    """What a job that starts from scratch has run before does not count as done."""
    assert must_rent_at(0.6, due(5.0, 8.0, resumable=0.0)) == must_rent_at(0.6, due(0.0, 8.0, resumable=0.0))


def test_it_stays_on_demand_until_two_changes_ahead():
    """Rule 3: cp(t) >= ep(t + 2d). After 5 h even progress in half an hour is 4.4 h."""
    assert not may_leave((0.6,), due(4.39, 3.61, 5.0))
    assert may_leave((0.6,), due(4.41, 3.59, 5.0))
    assert not may_leave((0.6,), due(7.9, 0.1, 9.6))
    assert not may_leave((0.6,), due(4.41, 3.59, 5.0, resumable=0.0))


hours = st.floats(0.1, 50)


@given(st.floats(0, 20), hours, st.floats(0, 40), hours)
def test_behind_is_what_the_paper_calls_behind(done_h, work_h, age_h, left_h):
    """On tight deadlines, on-demand nodes are rented just when cp(t) < ep(t), or at the safety net."""
    asked = due(done_h, work_h, age_h, age_h + left_h)
    even_h = age_h * (done_h + work_h) / (age_h + left_h)
    if abs(done_h - even_h) > 1e-6 and abs(left_h - work_h - 0.5) > 1e-6:
        behind = done_h < even_h or left_h < work_h + 0.5
        assert (meet((1e-9,), asked)[0] == ON_DEMAND) == behind


@given(st.floats(0, 20), hours, st.floats(0, 40), hours, st.floats(0.05, 1), st.booleans())
def test_until_is_when_it_rents_as_things_stand(done_h, work_h, age_h, left_h, tight_at, resumable):
    """A job that is told to wait is told to wait until `until`, and to rent from then on; never past the net."""
    asked = due(done_h, work_h, age_h, age_h + left_h, resumable=resumable)
    choice, until = meet((tight_at,), asked)
    if choice == WAIT:
        assert NOW < until <= last_call(asked) + 1e-6
        assert meet((tight_at,), asked._replace(now=until - 0.01))[0] == WAIT
        assert meet((tight_at,), asked._replace(now=until + 0.01))[0] == ON_DEMAND


def judge(asked, *, policy=POLICY, deadline=True, baseline=True):
    hints = Hints(deadline_at=asked.deadline_at if deadline else None)
    return policy.judge(job(hints=hints), SimpleNamespace(now=NOW, baseline=baseline, facts=lambda of: asked))


def test_it_says_until_when_and_what_for():
    """Time left, the deadline's own time, the work: waiting, on spot, on demand."""
    found = judge(due(4.1, 3.9, 5.0))
    assert (found.burst, found.until) == (False, pytest.approx(NOW + 450))
    assert found.sentence == (
        "deadline rents for it at the latest at 13:54:10 UTC "
        "(5 h to go to its deadline at 18:46:40 UTC, and up to 3.9 h of work)"
    )
    assert judge(due(4.1, 3.9, 5.0, spot=True)).sentence.startswith("it runs on spot while time allows: 5 h to go")
    late = judge(due(0.0, 3.9, 11.0))
    assert (late.burst, late.reason) == (True, "burst_deadline")
    assert late.sentence.startswith("it can wait no longer: no time left to its deadline")
    assert judge(due(4.1, 3.9, 5.0), baseline=False).reason == "only_burst"


def test_jobs_without_a_deadline_follow_another_policy():
    """By its rule, its knobs and its words."""
    policy = make_policy("deadline", otherwise={"name": "starburst", "waiting": "constant", "coefficient": 2})
    for waited_h in (1.0, 3.0):
        asked = facts(submitted_at=NOW - waited_h * HOUR)
        assert policy.rule(policy.knobs, asked) == policy.otherwise.rule(policy.otherwise.knobs, asked)
        assert judge(asked, policy=policy, deadline=False) == judge(asked, policy=policy.otherwise)
    assert policy.rule(policy.knobs, due(3.9, 4.1, 5.0)) == (ON_DEMAND, math.inf)
    assert make_policy("deadline", otherwise={"name": "starburst", "waiting": "runtime", "coefficient": 0.25}) == POLICY


def test_it_learns_if_the_other_policy_does():
    """The other one is steered by history, and this one stays what it is."""
    policy = make_policy("deadline", otherwise={"name": "waiting_budget", "target_mean_wait": "5min"})
    past = [PastWait(2.0, 0.0, burst=True)] * 20
    steered = learner(policy).steer(past, ())
    assert steered.otherwise == policy.otherwise.steer(past, ())
    assert learner(POLICY) is None
    assert POLICY.steer(past, ()) is POLICY


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"tight_at": 0}, "tight_at is 0; write a number over 0 and up to 1"),
        ({"tight_at": 1.1}, "tight_at is 1.1"),
        ({"tight_at": "0.6"}, "tight_at is '0.6'"),
        ({"otherwise": "imediate"}, "otherwise: unknown policy 'imediate'; did you mean 'immediate'"),
        ({"otherwise": {"name": "never", "x": 1}}, "otherwise: policy 'never' has no setting 'x'"),
        ({"otherwise": {"waiting": "zero"}}, "otherwise names the policy None"),
        ({"otherwise": "deadline"}, "otherwise names the policy 'deadline'; write another"),
        ({"otherwise": 5}, "otherwise is 5; write the name of a policy"),
    ],
)
def test_wrong_settings_are_named(settings, text):
    """A wrong setting is refused with its value, those of the other policy too."""
    with pytest.raises(ValueError, match=text):
        make_policy("deadline", **settings)
