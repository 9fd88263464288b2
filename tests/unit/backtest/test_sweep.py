"""What `--set` says, and which runs come of it."""

import pytest

from made_traces import HOUR, columns
from spillover.backtest.assignments import check_keys, read_assignments, settings_of, world_with
from spillover.backtest.sweep import choices
from spillover.backtest.world import Order, World
from spillover.errors import BadArgument
from spillover.placement.policies.starburst import patience_s

TRACE = columns((0, HOUR, 1), (10, 2 * HOUR, 8))
WORLD = World(1)


def test_values_are_yaml_and_lists_are_split_outside_brackets():
    """Each comma begins another run, but for those within brackets."""
    assert read_assignments(["a.b=0.1, 5min,true", "threshold.rules=[[5, 600]],[[1, 60]]"]) == {
        "a.b": [0.1, "5min", True],
        "threshold.rules": [[[5, 600]], [[1, 60]]],
    }
    for text in ("x", "=3", "a.b=", "a.b=[1"):
        with pytest.raises(BadArgument, match="--set"):
            read_assignments([text])


def test_the_world_is_set_by_kind():
    """Durations, sizes, words and amounts are read as what the world has there."""
    given = {"startup_s": "2min", "cloud_sizes": [1, 8], "order": "any", "known_runtimes": True, "budget_usd": 100}
    world = world_with(WORLD, {f"world.{key}": [value] for key, value in given.items()})
    assert (world.startup_s, world.cloud_sizes, world.order) == (120, (1, 8), Order.ANY)
    assert (world.known_runtimes, world.budget_usd) == (True, 100)


@pytest.mark.parametrize(
    ("name", "values", "text"),
    [
        ("startup_s", ["soon"], "'soon' is no duration; write seconds"),
        ("order", ["eassy"], "'eassy' is none of easy, in_order, any; it is easy without"),
        ("nodes", [1.5], "'1.5' is no whole number"),
        ("on_demand_usd", [-1], "'-1' is below 0"),
        ("on_demand_usd", ["much"], "'much' is no number"),
        ("known_runtimes", [1], "'1' is neither true nor false"),
        ("nodes", [1, 2], "has 2 values; a backtest has one world"),
    ],
)
def test_what_the_world_cannot_be_is_refused(name, values, text):
    """The key, the value and what it is without are named."""
    with pytest.raises(BadArgument) as refused:
        world_with(WORLD, {f"world.{name}": values})
    assert text in str(refused.value)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("starburst.coeficient", "did you mean 'starburst.coefficient'?"),
        ("world.start_up_s", "did you mean 'world.startup_s'?"),
        ("coefficient", "did you mean 'policy.coefficient'?"),
        ("waiting_budget.seconds_per_usd", "'waiting_budget' is not run; add --policy waiting_budget"),
        ("zzz.qqq", "there are policy.waiting"),
    ],
)
def test_unknown_keys_are_refused_with_the_nearest(key, text):
    """A key that sets nothing is no setting that goes unseen."""
    with pytest.raises(BadArgument) as refused:
        check_keys({key: [1]}, ["starburst"])
    assert text in str(refused.value)


def test_a_policys_own_key_wins():
    """`policy.` sets all that have it, the policy's name sets it alone."""
    given = {"policy.coefficient": [1], "starburst.coefficient": [2, 3]}
    assert settings_of("starburst", given) == {"coefficient": [2, 3]}
    assert settings_of("never", given) == {}


def test_every_combination_is_a_run():
    """Values multiply within a policy; another policy has its own."""
    given = {"starburst.waiting": ["cost", "capacity"], "starburst.coefficient": [0.1, 0.2]}
    found = choices(["starburst", "never"], given, TRACE, WORLD)
    assert [tuple(c.settings.values()) for c in found] == [
        ("cost", 0.1), ("cost", 0.2), ("capacity", 0.1), ("capacity", 0.2), (),
    ]  # fmt: skip


def test_without_settings_the_main_knob_is_swept():
    """Starburst's coefficients let these jobs wait in the mean for shares of their mean run time; waiting_budget's too."""
    found = choices(["starburst"], {}, TRACE, WORLD)
    waits = [
        sum(patience_s(5.0, c.settings["coefficient"], g, d) for g, d in zip(TRACE.gpus, TRACE.run_s, strict=True)) / 2
        for c in found
    ]
    shares = [wait / TRACE.run_s.mean() for wait in waits]
    assert shares == pytest.approx([0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5], rel=1e-3)
    budget = choices(["waiting_budget"], {}, TRACE, WORLD)
    usd = (HOUR + 16 * HOUR) / 2 / HOUR * WORLD.on_demand_usd
    assert budget[0].settings["seconds_per_usd"] * usd == pytest.approx(0.002 * TRACE.run_s.mean(), rel=1e-3)
    assert [c.settings for c in choices(["starburst"], {"starburst.waiting": ["zero"]}, TRACE, WORLD)] == [
        {"waiting": "zero"}
    ]


def test_without_policies_both_ends_and_the_anchor_are_run():
    """A frontier can be drawn at once."""
    assert {c.policy for c in choices([], {}, TRACE, WORLD)} >= {"immediate", "never", "starburst"}


def test_wrong_policies_and_settings_are_refused():
    """The nearest name is told, and what a policy says of its settings."""
    with pytest.raises(BadArgument, match="did you mean 'starburst'"):
        choices(["starbust"], {}, TRACE, WORLD)
    with pytest.raises(BadArgument, match="policy starburst: coefficient is -1"):
        choices(["starburst"], {"starburst.coefficient": [-1]}, TRACE, WORLD)
