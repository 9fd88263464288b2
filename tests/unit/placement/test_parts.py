import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from placement_builders import NOW, cloud, down, job, node_type, onprem, res, shot, up, work

from spillover.domain.data import Data, Place
from spillover.domain.job import Hints
from spillover.domain.pool import Market
from spillover.domain.terms import Terms
from spillover.placement.place import decision_for
from spillover.placement.policies import make_policy
from spillover.placement.snapshot import Snapshot

SPOT = node_type("spot", Market.SPOT, 7.3, 4, resources=res(CPU=64, GPU=8), interruptions_per_hour=0.3)
OD = node_type("od", Market.ON_DEMAND, 16.3, 4, resources=res(CPU=64, GPU=8))
AWS = cloud(
    *(SPOT, OD), name="aws", region="us-west-2", head_price_usd_per_hour=0.2, startup_s=360.0, idle_timeout_s=300.0,
    storage_usd_per_gb_month=0.023,
)  # fmt: skip
OWN = onprem(node_type("a100", price=9.0, most=2, resources=res(CPU=64, GPU=8)), region="here")
FULL = up(OWN, 2, work=[work("w", "16x{GPU:1}", ends_in=600)])
TERMS = Terms(places=(Place("s3://sets", "eu-west-1", 0.02),))
RICH = Hints(resumable=True, data=Data("s3://sets/a", 120 * 10**9))


def snapshot(wanted, *views) -> Snapshot:
    return replace(shot([wanted], *views), terms=TERMS)


def offers(*views, policy="immediate", **fields):
    wanted = job("j", **{"demand": "2x{GPU:8}", "runtime_s": 7200.0, "hints": RICH, **fields})
    found = decision_for(wanted, snapshot(wanted, *views), make_policy(policy)).offers
    return {(o.pool, o.node_type): o for o in found}


def dollars(offer):
    return {part.kind: part.usd for part in offer.parts}


def test_every_part_of_a_rented_offer_by_hand():
    """Two spot nodes for two hours on a pool that is down, with 120 GB from another region and checkpoints."""
    found = dollars(offers(FULL, down(AWS))["aws", "spot"])
    held = 2 * 7.3 + 0.2
    lost_s = 300 + 360 + 160 * 8 / 5 + 120  # half an interval, a new node, 160 GB of checkpoint, the restart
    stored = 160 * 0.023 / 730
    assert found == {
        "nodes": pytest.approx(2 * 7.3 * 2),
        "startup": pytest.approx(2 * 7.3 * 360 / 3600),
        "idle": pytest.approx(2 * 7.3 * 300 / 3600),
        "head": pytest.approx(0.2 * (360 + 7200 + 300) / 3600),
        "transfer": pytest.approx(held * 192 / 3600),
        "egress": pytest.approx(2.4),
        "storage": pytest.approx(stored * 7392 / 3600),
        "interruptions": pytest.approx((held + stored) * (0.6 * 7392 / 3600) * lost_s / 3600),
    }


def test_parts_say_what_they_are_for():
    """Times and words stand beside the dollars, and where a rate is known from."""
    parts = {part.kind: part for part in offers(FULL, down(AWS))["aws", "spot"].parts}
    assert parts["nodes"].text == "spot x2 at $7.30/h, rented whole"
    assert (parts["transfer"].time_s, parts["egress"].time_s) == (192.0, None)
    assert parts["storage"].text == "checkpoints of 160 GB at $0.023 a GB and month"
    assert parts["interruptions"].text == (
        "1.2 expected (2 spot nodes, 0.3 an hour each by setting); each costs 17 min"
    )
    assert parts["interruptions"].time_s == pytest.approx(0.6 * 7392 / 3600 * 1036)


def test_nodes_that_are_there_cost_a_share_alone():
    """Half of an owned node, and a rented one that is up: no start-up, no idle tail, no head."""
    own = offers(up(OWN, 2), demand="1x{GPU:4}", hints=Hints())["onprem", "a100"]
    assert dollars(own) == {"share": pytest.approx(0.5 * 9.0 * 2)}
    assert own.parts[0].text == "its share of a node that is there anyway, $4.50/h"
    rented = offers(FULL, up(cloud(OD, name="aws"), 1), demand="1x{GPU:8}", hints=Hints())["aws", "od"]
    assert dollars(rented) == {"share": pytest.approx(16.3 * 2)}


def test_spot_without_checkpoints_can_cost_more_than_on_demand():
    """For a resumable job of ten hours spot is cheaper; one that starts anew each time is better off on demand."""
    near = replace(AWS, region="eu-west-1")
    resumes = offers(FULL, down(near), runtime_s=36_000.0)
    anew = offers(FULL, down(near), runtime_s=36_000.0, hints=Hints(data=RICH.data))
    assert resumes["aws", "spot"].chosen
    assert anew["aws", "od"].chosen
    assert "and all that was done" in anew["aws", "spot"].parts[-1].text


def test_a_measured_rate_counts_before_the_set_one():
    """What was seen of a pool's nodes replaces the setting, and says so."""
    from spillover.placement.interruptions import Rate

    seen = {"spot": Rate(0.05, "6 in 120 node-hours")}
    offer = offers(FULL, down(AWS, interruptions=seen))["aws", "spot"]
    assert offer.parts[-1].text.startswith("0.21 expected (2 spot nodes, 6 in 120 node-hours)")


def test_what_is_waited_for_has_parts_and_what_can_never_start_has_none():
    """A full owned pool shows its share; a market that the job refuses shows its cost alone."""
    found = offers(FULL, down(AWS), policy="never", hints=Hints(markets=("owned",)))
    assert dollars(found["onprem", "a100"]) == {"share": pytest.approx(36.0)}
    assert (found["aws", "od"].parts, found["aws", "od"].cost_usd) == ((), pytest.approx(32.8 * 7860 / 3600))


def test_a_deadline_shows_how_likely_it_is_missed():
    """Certain run times are late or not: fetching, start-up and interruptions included; without a deadline it is None."""
    tight = replace(RICH, deadline_at=NOW + 360 + 192 + 7200 + 60)
    found = offers(FULL, down(AWS), hints=tight)
    assert [found["aws", name].late_chance for name in ("od", "spot")] == [0.0, 1.0]
    assert found["onprem", "a100"].late_chance == 1.0  # room comes 10 minutes from now, the rented pool in 6
    assert offers(FULL, down(AWS))["aws", "od"].late_chance is None


def test_the_policy_sees_what_the_parts_come_to():
    """The chosen offer's cost is that by which it was the cheapest, to the last rounding."""
    wanted = job("j", "2x{GPU:8}", runtime_s=7200.0, hints=RICH)
    decision = decision_for(wanted, snapshot(wanted, FULL, down(AWS)), make_policy("immediate"))
    (chosen,) = [o for o in decision.offers if o.chosen]
    assert f"about ${chosen.cost_usd:.2f}" in decision.sentence


@given(
    runtime_s=st.floats(0, 1e7),
    resumable=st.booleans(),
    size_bytes=st.none() | st.integers(0, 10**13),
    rate=st.floats(0, 5),
    price=st.floats(0, 100),
    raised=st.booleans(),
)
def test_parts_add_up_exactly(runtime_s, resumable, size_bytes, rate, price, raised):
    """Whatever the job and the pool, the parts of each offer come to its cost, and to what was decided by."""
    pool = replace(AWS, node_types=(replace(SPOT, price_usd_per_hour=price, interruptions_per_hour=rate), OD))
    view = down(pool) if raised else up(pool, 1, new={"spot": 3, "od": 3})
    hints = Hints(resumable=resumable, data=None if size_bytes is None else Data("s3://sets/a", size_bytes))
    wanted = job("j", "2x{GPU:8}", runtime_s=runtime_s, hints=hints)
    decision = decision_for(wanted, snapshot(wanted, FULL, view), make_policy("immediate"))
    for offer in decision.offers:
        assert offer.cost_usd == math.fsum(part.usd for part in offer.parts)
        assert offer.total_s >= offer.runtime_s
    (chosen,) = [o for o in decision.offers if o.chosen]
    able = [o.cost_usd for o in decision.offers if not o.out]
    assert chosen.cost_usd <= min(able) * (1 + 1e-12) + 1e-12


def test_free_egress_is_no_part():
    """Data from the team's own store takes time to bring, and no money but what waits for it."""
    found = dollars(offers(FULL, down(AWS), hints=Hints(data=Data("nfs:/a", 10**10)))["aws", "od"])
    assert "transfer" in found
    assert "egress" not in found
