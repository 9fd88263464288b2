import pytest
from placement_builders import NOW, job

from spillover.domain.decision import Offer
from spillover.placement.policies import Context, describe, make_policy, policy_names, policy_settings

OFFER = Offer("cloud", "spot4", "spot", 1, 0.4, 45.0, 60.0, 0.01)


def judge(rules, ahead=(), age=0.0, *, baseline=True):
    context = Context(NOW, OFFER, 60.0, 0.01, sorted(NOW - a for a in ahead), baseline)
    return make_policy("threshold", rules=rules).judge(job(submitted_at=NOW - age), context)


def test_policies_are_found_by_being_there():
    """Every module of the folder that names a POLICY is offered."""
    assert {"deadline", "immediate", "never", "starburst", "threshold", "waiting_budget"} <= set(policy_names())
    assert "facts" not in policy_names()


@pytest.mark.parametrize("name", policy_names())
def test_every_policy_and_setting_is_documented(name):
    """A policy says what it does, and in one line what each of its settings means."""
    assert describe(name)
    for setting in policy_settings(name):
        assert setting.meaning
        assert "\n" not in setting.meaning


def test_settings_are_listed_with_their_defaults():
    """What is taken if nothing is written, as people write it; none is required on its own."""
    (rules,) = policy_settings("threshold")
    assert (rules.name, rules.required) == ("rules", False)
    shown = [text.strip("` ") for text in rules.default.split(",")]
    assert make_policy("threshold", rules=shown) == make_policy("threshold")
    assert [s.name for s in policy_settings("waiting_budget")] == ["target_mean_wait", "seconds_per_usd"]
    assert policy_settings("never") == ()


def test_an_unknown_policy_or_setting_is_answered_with_the_nearest():
    """A typing mistake gets a hint."""
    with pytest.raises(ValueError, match="unknown policy 'treshold'; did you mean 'threshold'"):
        make_policy("treshold")
    with pytest.raises(ValueError, match="no setting 'rule'; did you mean 'rules'"):
        make_policy("threshold", rule=[])
    with pytest.raises(ValueError, match="policy 'never' has no setting 'rules'; it has none"):
        make_policy("never", rules=[])


@pytest.mark.parametrize(
    ("rules", "text"),
    [
        ([], r"rules are \[\]"),
        ("5", "rules are '5'"),
        ([5], "rule 5 is no pair"),
        ([[0, 1]], "0 jobs; write a whole number"),
        ([[1.5, 1]], "1.5 jobs"),
        ([[True, 1]], "True jobs"),
        ([[1, -5]], "older than -5 s"),
        ([[1, "10m"]], "older than '10m' s"),
        ([[1, float("nan")]], "older than nan s"),
    ],
)
def test_wrong_rules_are_named(rules, text):
    """A wrong setting is refused with its value."""
    with pytest.raises(ValueError, match=text):
        make_policy("threshold", rules=rules)


def test_a_rule_of_one_looks_at_the_jobs_own_age():
    """1 job older than 60 s: this one bursts at exactly 60 s, and until then says when."""
    assert judge([[1, 60]], age=60).burst
    waits = judge([[1, 60]], age=20)
    assert (waits.burst, waits.until) == (False, NOW + 40)
    assert "at the latest at" in waits.sentence


def test_a_rule_counts_those_ahead_and_the_job_itself():
    """3 jobs older than 20 s are two ahead and this one."""
    assert judge([[3, 20]], ahead=[30, 25], age=21).burst
    assert not judge([[3, 20]], ahead=[30], age=21).burst
    assert judge([[3, 20]], ahead=[30, 25], age=21).sentence == "3 jobs have waited over 20 s"


def test_enough_old_jobs_ahead_burst_a_young_one():
    """Where old jobs stay ahead because they may not burst, the queue is long for a young one as well."""
    assert judge([[2, 20]], ahead=[30, 25], age=1).burst


def test_age_zero_counts_any_job():
    """100 jobs of any age are a queue that is too long."""
    assert judge([[100, 0]], ahead=[1] * 99).burst
    assert not judge([[100, 0]], ahead=[1] * 98).burst


def test_until_is_the_soonest_rule_as_things_stand():
    """Of several rules, the one that would hold first is named."""
    waits = judge([[1, 3600], [3, 60]], ahead=[50, 10], age=5)
    assert waits.until == NOW + 55
    assert "as things stand at" in waits.sentence


def test_until_is_unknown_if_too_few_wait():
    """A rule that needs more jobs than there are names no time."""
    waits = judge([[5, 60]], age=100)
    assert waits.until is None
    assert waits.sentence == "threshold bursts at 5 jobs older than 60 s"


def test_nothing_owned_to_wait_for_is_a_reason_to_burst():
    """A job that no baseline pool can run does not wait for age."""
    assert judge([[1, 3600]], baseline=False).reason == "only_burst"
