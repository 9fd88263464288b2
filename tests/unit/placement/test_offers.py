from dataclasses import replace

import pytest
from placement_builders import NOW, cloud, down, job, node_type, onprem, res, shot, up, work

from spillover.domain.decision import Verdict
from spillover.domain.job import Hints
from spillover.domain.pool import Market, PoolStatus
from spillover.placement.place import decide, decision_for
from spillover.placement.policies import make_policy

NEVER = make_policy("never")
NOW_OR_CLOUD = make_policy("immediate")
FULL = up(onprem(), 1, work=[work("w", "4x{CPU:1}", ends_in=180)])
TWO = cloud(node_type("spot4", Market.SPOT, 0.4), node_type("tiny", Market.SPOT, 0.1, resources=res(CPU=1)))


def table(*views, policy=NOW_OR_CLOUD, **fields):
    wanted = job(**fields)
    return {(o.pool, o.node_type): o for o in decision_for(wanted, shot([wanted], *views), policy).offers}


def test_every_pool_and_node_type_is_listed():
    """One row for each pool and node type; the chosen one alone is marked."""
    found = table(FULL, down(TWO), demand="1x{CPU:2}")
    assert [key for key, offer in found.items() if offer.chosen] == [("cloud", "spot4")]
    assert set(found) == {("onprem", "cpu4"), ("cloud", "spot4"), ("cloud", "tiny")}


def test_what_is_out_says_why():
    """Full, too small, of the wrong market, closed or ruled out: each row that cannot be taken has its reason."""
    assert table(FULL, down(TWO))["onprem", "cpu4"].out == "full now, room in about 3 min"
    assert "too small" in table(FULL, down(TWO), demand="1x{CPU:2}")["cloud", "tiny"].out
    wanted = Hints(markets=("owned",))
    assert "the job asks for markets owned" in table(FULL, down(TWO), hints=wanted)["cloud", "spot4"].out
    assert table(down(TWO, blocked="is blocked"))["cloud", "tiny"].out == "cloud is blocked"
    assert "may not burst" in table(FULL, down(TWO), may_burst=False)["cloud", "tiny"].out


def test_full_owned_pools_show_wait_and_cost():
    """The alternative of waiting is in the table with its delay and its dollars."""
    offer = table(FULL, runtime_s=3600.0)["onprem", "cpu4"]
    assert (offer.start_delay_s, offer.cost_usd) == (180.0, pytest.approx(0.09))


def test_what_is_merely_full_shows_what_new_nodes_cost():
    """A rented type without room costs whole nodes from their start until they are folded, as if there were some."""
    offer = table(FULL, up(TWO, 0, new={}), demand="2x{CPU:3}", runtime_s=3600.0)["cloud", "spot4"]
    assert (offer.out, offer.nodes, offer.cost_usd) == ("full now", 2, pytest.approx(2 * 0.40 * 3945 / 3600))
    assert offer.start_delay_s is None


def test_what_is_merely_full_counts_the_head_until_a_job_raises_it():
    """Of two jobs of a kind on a pool that was down, the first pays for its head, and so the second would not."""
    view = down(replace(TWO, head_price_usd_per_hour=1.0), {"spot4": 0, "tiny": 1})
    jobs = [job(name, runtime_s=3600.0) for name in ("a", "b")]
    spot = [d.offers[0] for d in decide(shot(jobs, view), NOW_OR_CLOUD, explain=("b",))]
    assert [offer.out for offer in spot] == ["full now", "full now"]
    assert [offer.cost_usd for offer in spot] == [pytest.approx(1.4 * 3945 / 3600), pytest.approx(0.4 * 3945 / 3600)]


def test_what_is_ruled_out_shows_what_it_would_cost():
    """A team that may not burst, or a job for another market, sees what it is spared or denied."""
    wanted = {"demand": "1x{CPU:2}", "runtime_s": 3600.0}
    assert table(FULL, down(TWO), may_burst=False, **wanted)["cloud", "spot4"].cost_usd == pytest.approx(
        0.40 * 3945 / 3600
    )
    owned = table(FULL, down(TWO), hints=Hints(markets=("owned",)), **wanted)["cloud", "spot4"]
    assert (owned.nodes, owned.cost_usd) == (1, pytest.approx(0.40 * 3945 / 3600))
    spot = table(FULL, down(TWO), hints=Hints(markets=("spot",)), **wanted)["onprem", "cpu4"]
    assert (spot.nodes, spot.cost_usd, spot.start_delay_s) == (1, pytest.approx(0.18), None)


def test_what_can_never_hold_the_job_has_no_cost():
    """Too small a type, too large a gang: no number is made up."""
    tiny = table(FULL, down(TWO), demand="1x{CPU:2}")["cloud", "tiny"]
    assert (tiny.nodes, tiny.cost_usd) == (0, None)
    many = table(FULL, down(TWO), demand="9x{CPU:4}")["cloud", "spot4"]
    assert ("cannot hold that" in many.out, many.cost_usd) == (True, None)


def test_owned_pools_that_are_closed_or_full_show_their_share():
    """Each owned type shows the share of its own nodes, full or not up."""
    two = onprem(node_type(), node_type("cpu8", price=0.96, resources=res(CPU=8)))
    full = table(up(two, 4, work=[work("w", "16x{CPU:1}")]), runtime_s=3600.0)
    assert full["onprem", "cpu4"].cost_usd == pytest.approx(0.09)
    lost = table(replace(up(onprem(), 0), status=PoolStatus.UNREACHABLE), runtime_s=3600.0)["onprem", "cpu4"]
    assert (lost.out, lost.cost_usd) == ("onprem does not answer", pytest.approx(0.09))


def test_every_offer_that_could_be_taken_has_a_cost():
    """None is for those that never could."""
    found = table(FULL, down(TWO), demand="1x{CPU:1}")
    assert all(offer.cost_usd is not None for offer in found.values() if not offer.out)


def test_backfill_is_a_reason_too():
    """Room that is free but kept for the first blocked job is shown as that."""
    view = up(onprem(), 2, work=[work("w", "4x{CPU:1}", ends_in=100)])
    first, late = job("big", "2x{CPU:4}", submitted_at=NOW - 20), job("late", runtime_s=200.0)
    (offer,) = decision_for(late, shot([first, late], view), NEVER).offers
    assert offer.out == "would delay big, which is ahead"


def test_offers_are_listed_for_placed_and_explained_jobs_alone():
    """Waiting jobs carry no table unless somebody asked."""
    jobs = [job("a", "4x{CPU:1}"), job("b"), job("c")]
    found = {d.submission_id: d for d in decide(shot(jobs, up(onprem())), NEVER, explain={"c"})}
    assert found["a"].verdict is Verdict.TAKE
    assert [bool(found[name].offers) for name in "abc"] == [True, False, True]


def test_held_back_jobs_can_be_explained():
    """A job in back-off or one that fits nowhere has a table as well."""
    assert table(up(onprem()), not_before=NOW + 9)["onprem", "cpu4"].out == ""
    assert "needs a node with {CPU:9}" in table(up(onprem()), demand="1x{CPU:9}")["onprem", "cpu4"].out


def test_a_job_that_is_not_queued_can_be_asked_about():
    """`decision_for` puts the job into the queue if it is not there."""
    assert decision_for(job("new"), shot([], up(onprem())), NEVER).offers[0].chosen
