"""A quote says what a submit would lead to, in the same numbers, and keeps nothing."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest
from world import ALICE, ROOT, attached, burst, running_world

from spillover.domain.job import SubmitRequest
from spillover.domain.questions import QueueQuery
from spillover.errors import BadRequest, Forbidden
from spillover.placement.policies import make_policy

pytestmark = pytest.mark.asyncio


def asking(**said: str) -> SubmitRequest:
    """A request as a quote sends it."""
    return SubmitRequest("(not said)", metadata={f"spillover/{key}": value for key, value in said.items()})


async def test_a_quote_is_what_a_submit_leads_to(tmp_path: Path) -> None:
    """The offers, their parts, the sentence and the start of a quote are those of the job that is submitted next."""
    said = {"workers": "1x{CPU:4}", "runtime": "2h", "data": "s3://b/x=90GB", "resumable": "true"}
    async with running_world(tmp_path, attached(), burst()) as world:
        await world.running("big", "dc", workers="2x{CPU:2}", runtime="1h")
        quote = await world.control.insight.quote(ALICE, asking(**said))
        await world.submit("j1", **said)
        await world.tick()
        explained = await world.control.insight.explain(ALICE, "j1")
        decided = explained.decisions[-1]
        assert (quote.verdict, quote.sentence, quote.pool) == ("take", decided.sentence, "cloud")
        assert quote.offers == explained.offers
        assert (quote.runtime_s, quote.demand, quote.team) == (7200, "1x{CPU:4}", "search")
        (chosen,) = [offer for offer in quote.offers if offer.chosen]
        assert (quote.cost_usd, quote.wait_s) == (chosen.cost_usd, chosen.start_delay_s)
        assert (chosen.cheapest, chosen.soonest) == (True, True)
        assert [part.kind for part in chosen.parts] == ["nodes", "startup", "idle", "head", "transfer", "egress"]
        assert math.fsum(part.usd for part in chosen.parts) == chosen.cost_usd


async def test_a_quote_of_a_job_that_would_wait_says_how_long(tmp_path: Path) -> None:
    """Behind all that wait, with the start that is expected there, and what the owned pool would cost."""
    async with running_world(tmp_path, policy=make_policy("never")) as world:
        await world.running("big", workers="2x{CPU:2}", runtime="1h")
        quote = await world.control.insight.quote(ALICE, asking(workers="1x{CPU:2}", runtime="30min"))
        assert (quote.verdict, quote.pool) == ("wait", None)
        assert quote.wait_s == pytest.approx(3600, abs=30)
        assert quote.cost_usd == pytest.approx(0.36 / 2)
        assert quote.offers[0].out.startswith("full now, room in about")
        assert not any(o.cheapest or o.soonest for o in quote.offers)


async def test_a_quote_keeps_nothing(tmp_path: Path) -> None:
    """No job, no decision, no event, no place in the queue comes of a quote."""
    async with running_world(tmp_path) as world:
        await world.tick(2)
        before = world.store.events(), world.state()
        await world.control.insight.quote(ALICE, asking(workers="1x{CPU:2}"))
        assert (world.store.events(), world.state()) == before
        assert world.store.jobs() == []
        assert (await world.control.insight.queue(ALICE, QueueQuery())).items == ()


async def test_a_quote_for_what_no_pool_can_run_says_why_for_each(tmp_path: Path) -> None:
    """Where a submit is refused, a quote shows the reason of every pool."""
    async with running_world(tmp_path, attached(), burst()) as world:
        await world.tick()
        quote = await world.control.insight.quote(ALICE, asking(workers="1x{GPU:8}"))
        assert (quote.verdict, quote.reason, quote.wait_s) == ("wait", "never_fits", None)
        assert {offer.pool: offer.out for offer in quote.offers} == {
            "dc": "needs a node with {GPU:8}; the largest of pool 'dc' is {GPU:0}",
            "cloud": "needs a node with {GPU:8}; the largest of pool 'cloud' is {GPU:0}",
        }


async def test_a_quote_knows_like_jobs(tmp_path: Path) -> None:
    """With the entrypoint of a job that has run, a quote expects its run time."""
    async with running_world(tmp_path) as world:
        await world.running("j1")
        await world.tick(30)
        world.clusters["onprem"].end("j1")
        await world.until(lambda: world.job("j1").status == "succeeded")
        quote = await world.control.insight.quote(ALICE, SubmitRequest("python j1.py"))
        assert quote.runtime_source == "1 run of its entrypoint"
        assert quote.runs.median_s == pytest.approx(31, abs=6)


async def test_a_quote_is_checked_like_a_submit(tmp_path: Path) -> None:
    """Unknown metadata, and a team that is not one's own, are refused."""
    async with running_world(tmp_path) as world:
        with pytest.raises(BadRequest, match="did you mean 'spillover/workers'"):
            await world.control.insight.quote(ALICE, asking(worker="1x{CPU:2}"))
        with pytest.raises(Forbidden, match="it cannot submit for team 'ads'"):
            await world.control.insight.quote(ALICE, asking(team="ads"))
        assert (await world.control.insight.quote(ROOT, asking(team="ads"))).team == "ads"


async def test_explain_says_what_a_job_has_cost(tmp_path: Path) -> None:
    """The bill of a job is part of its explanation."""
    async with running_world(tmp_path) as world:
        await world.running("j1", workers="1x{CPU:2}")
        await world.tick(36, 100.0)
        await world.control.loop.meter_now()
        facts = (await world.control.insight.explain(ALICE, "j1")).job
        assert facts.cost_usd == pytest.approx(0.36, rel=0.03)
        assert dataclasses.asdict(facts)["demand_source"] == "declared by spillover/workers"
