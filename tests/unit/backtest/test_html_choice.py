from dataclasses import replace

from html_results import columns, outcome, results

from spillover.backtest.html.choice import cast
from spillover.backtest.summary import summarise
from spillover.backtest.world import World


def test_ours_is_set_against_the_anchor_at_the_nearest_wait():
    """The lead is a run of marginal, the reference the run of starburst that waits most alike."""
    players = cast(results())
    assert players.lead.policy == "marginal"
    assert players.reference is not None
    assert players.reference.policy == "starburst"
    near = {"marginal value_of_waiting=50": 300.0, "marginal value_of_waiting=5": 7200.0}
    assert players.reference.wait.mean_s == near[players.lead.label]


def test_the_lead_is_the_shortest_wait_that_makes_half_of_the_saving():
    """Of $1,000 that could be saved, 400 at little wait are too few, 500 at more are enough."""
    ours = next(run for run in results().runs if run.policy == "marginal")
    dear = next(run for run in results().runs if run.policy == "immediate")
    bills = {60.0: 1600.0, 600.0: 1500.0, 6000.0: 1000.0}
    swept = [replace(ours, cloud_usd=usd, wait=replace(ours.wait, mean_s=wait)) for wait, usd in bills.items()]
    found = cast(results([replace(dear, cloud_usd=2000.0), *swept]))
    assert found.lead.wait.mean_s == 600.0


def test_every_policy_is_shown_once():
    """The lead comes first, then the reference, then the rest."""
    assert [run.policy for run in cast(results()).leads] == ["marginal", "starburst", "immediate", "never"]


def test_policies_differ_by_shape_and_colour():
    """No two share both, so that each is told apart without colour."""
    players = cast(results())
    assert len({players.shape(policy) for policy in players.policies}) == 4
    assert players.style("marginal") != players.style("starburst")


def test_a_single_run_has_no_reference():
    """The report of one run leads with it, also if it is one of the ends."""
    trace, world = columns(), World(nodes=2)
    players = cast(results([summarise(outcome("never", {}, trace, world, wait_s=9.0, rented=0))], trace, world))
    assert (players.lead.policy, players.reference) == ("never", None)
