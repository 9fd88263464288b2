"""Every policy's rule says in machine code what it says in Python."""

import math
from random import Random

import numpy as np
import pytest
from placement_builders import NOW
from rule_facts import HOUR, facts

from spillover.placement.policies import make_policy, policy_names
from spillover.placement.policies.compiled import compiled
from spillover.placement.policies.facts import ON_DEMAND, SPOT, WAIT, Facts

SETTINGS = {
    "waiting_budget": [{"seconds_per_usd": 400.0}],
    "starburst": [
        {"waiting": "cost", "coefficient": 0.1},
        {"waiting": "log_capacity", "coefficient": 0.5},
        {"waiting": "infinite"},
    ],
    "deadline": [{"otherwise": {"name": "waiting_budget", "seconds_per_usd": 400.0}}],
}
RULED = [name for name in policy_names() if hasattr(make_policy(name, **SETTINGS.get(name, [{}])[0]), "rule")]


def some_facts(draw: Random) -> Facts:
    """Any job at all: of any age, with and without spot, room in sight, a deadline."""
    left_s = math.exp(draw.uniform(3, 13))
    return facts(
        submitted_at=NOW - draw.choice([0, 60, 4 * HOUR, 90 * HOUR]) * draw.random(),
        accelerators=draw.choice([0.25, 1, 2, 8, 64]),
        usd_per_hour=draw.choice([0.0, 1, 25]),
        spot_usd_per_hour=draw.choice([math.inf, 0.4, 9]),
        once_usd=draw.choice([0.0, 1.5]),
        startup_s=draw.choice([0, 180]),
        left_s=left_s,
        median_s=left_s * draw.choice([0.1, 0.5, 1]),
        safe_s=left_s * draw.choice([1, 2]),
        wait_s=draw.choice([math.inf, 0, HOUR * draw.random()]),
        ahead=draw.choice([0, 3, 500]),
        resumable=draw.choice([0, 1]),
        move_s=draw.choice([0, 360]),
        move_usd=draw.choice([0.0, 0.9]),
        lost_s=draw.choice([0, 600]),
        interruptions_per_hour=draw.choice([0.0, 0.1, 1.4]),
        deadline_at=draw.choice([math.inf, NOW + left_s * draw.uniform(0.5, 5)]),
        done_s=draw.choice([0, left_s]),
    )


def test_the_plain_policies_have_rules():
    """Those that look at one job alone do; a threshold counts a queue."""
    assert {"deadline", "immediate", "never", "starburst", "waiting_budget"} <= set(RULED)


@pytest.mark.parametrize("name", RULED)
def test_a_rule_says_the_same_compiled(name):
    """On 300 random jobs, the choice is the same, and the time to the last bit or nearly so."""
    draw = Random(name)
    for settings in SETTINGS.get(name, [{}]):
        policy = make_policy(name, **settings)
        fast, knobs = compiled(policy.rule), np.array(policy.knobs, dtype=np.float64)
        for _ in range(300):
            asked = some_facts(draw)
            choice, until = policy.rule(policy.knobs, asked)
            assert choice in (WAIT, ON_DEMAND, SPOT)
            assert fast(knobs, asked) == (choice, pytest.approx(until, rel=1e-12))


def test_a_rule_is_compiled_once():
    """The same rule gives the same machine code, so that nothing that uses it is compiled again."""
    first, other = (make_policy("deadline", otherwise={"name": "immediate"}, tight_at=t) for t in (0.6, 0.8))
    assert compiled(first.rule) is compiled(other.rule)


def test_the_choice_of_market_compiles():
    """It is there for the rules of policies, and says the same from within one."""
    from spillover.placement.policies.markets import market

    def rule(knobs, found):
        return market(found, knobs[0]), math.inf

    fast, draw = compiled(rule), Random(1)
    for _ in range(300):
        asked, value = some_facts(draw), draw.choice([0.0, 5.0, 100.0])
        assert fast(np.array([value]), asked)[0] == rule([value], asked)[0]
