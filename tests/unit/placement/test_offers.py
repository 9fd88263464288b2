import pytest
from placement_builders import NOW, cloud, down, job, node_type, onprem, res, shot, up, work

from spillover.domain.decision import Verdict
from spillover.domain.job import Hints
from spillover.domain.pool import Market
from spillover.placement.place import decide, offers_for
from spillover.placement.policies import make_policy

NEVER = make_policy("never")
NOW_OR_CLOUD = make_policy("immediate")
FULL = up(onprem(), 1, work=[work("w", "4x{CPU:1}", ends_in=180)])
TWO = cloud(node_type("spot4", Market.SPOT, 0.4), node_type("tiny", Market.SPOT, 0.1, resources=res(CPU=1)))


def table(*views, policy=NOW_OR_CLOUD, **fields):
    wanted = job(**fields)
    return {(o.pool, o.node_type): o for o in offers_for(wanted, shot([wanted], *views), policy)}


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


def test_backfill_is_a_reason_too():
    """Room that is free but kept for the first blocked job is shown as that."""
    view = up(onprem(), 2, work=[work("w", "4x{CPU:1}", ends_in=100)])
    first, late = job("big", "2x{CPU:4}", submitted_at=NOW - 20), job("late", runtime_s=200.0)
    (offer,) = offers_for(late, shot([first, late], view), NEVER)
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
    """`offers_for` puts the job into the queue if it is not there."""
    assert offers_for(job("new"), shot([], up(onprem())), NEVER)[0].chosen
