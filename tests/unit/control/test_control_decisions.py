"""No silent decision: what is kept of decisions, and what a waiting job says."""

from pathlib import Path

import pytest
from world import ALICE, BOB, attached, burst, running_world

from spillover.domain.job import SubmitRequest
from spillover.domain.questions import PoolQuery, QueueQuery
from spillover.errors import BadRequest
from spillover.placement.policies import make_policy

pytestmark = pytest.mark.asyncio


async def test_decision_is_stored_when_its_reason_changes(tmp_path: Path) -> None:
    """A job that waits for an hour for one reason has one decision; the next reason makes the second."""
    async with running_world(tmp_path, policy=make_policy("never")) as world:
        await world.running("big", workers="2x{CPU:2}", runtime="1h")
        await world.submit("j1")
        await world.tick(20, 60.0)
        assert [d.reason for d in world.store.decisions("j1")] == ["waits_baseline"]
        world.clusters["onprem"].end("big")
        await world.tick(2)
        assert [d.reason for d in world.store.decisions("j1")] == ["waits_baseline", "fits_baseline"]


async def test_waiting_job_says_why_in_its_message(tmp_path: Path) -> None:
    """The message of a waiting job is the decision's sentence, renewed while numbers in it change."""
    async with running_world(tmp_path, policy=make_policy("never")) as world:
        await world.running("big", workers="2x{CPU:2}", runtime="1h")
        await world.submit("j1")
        await world.tick()
        first = world.job("j1")
        assert first.message.startswith("Waits for onprem: ")
        assert first.wait_reason == "waits_baseline"
        assert first.expected_start_at == pytest.approx(world.clock.now() + 3600, abs=30)
        await world.tick(2, 600.0)
        assert world.job("j1").message != first.message


async def test_placed_job_keeps_every_offer(tmp_path: Path) -> None:
    """The decision that places a job lists all offers, the chosen one marked."""
    async with running_world(tmp_path, attached(), burst()) as world:
        await world.running("j1", "dc")
        placed = world.store.decisions("j1")[-1]
        assert (placed.verdict, placed.pool, placed.policy) == ("take", "dc", "immediate")
        assert [(o.pool, o.chosen) for o in placed.offers] == [("dc", True), ("cloud", False)]
        explained = await world.control.insight.explain(ALICE, "j1")
        assert [o.pool for o in explained.offers] == ["dc", "cloud"]
        assert explained.job.status == "running"


async def test_policy_spills_over(tmp_path: Path) -> None:
    """A job that waits longer than the policy allows bursts, and the others stay for the owned pool."""
    policy = make_policy("threshold", rules=[[1, 60]])
    async with running_world(tmp_path, attached(), burst(), policy=policy) as world:
        await world.running("big", "dc", workers="2x{CPU:2}", runtime="1h")
        await world.submit("j1")
        await world.tick(55)
        assert world.job("j1").status == "queued"
        await world.tick(10)
        assert world.attempts("j1")[0].pool == "cloud"
        assert world.attempts("j1")[0].why.startswith("Bursts to cloud: 1 job has waited over 60 s")


async def test_queue_and_pools_show_what_is(tmp_path: Path) -> None:
    """The queue lists jobs on pools first, then those that wait, in their order; pools show use and lease."""
    async with running_world(tmp_path, policy=make_policy("never")) as world:
        await world.running("big", workers="2x{CPU:2}")
        await world.submit("low", priority="low")
        await world.submit("high", priority="high")
        await world.tick()
        queue = (await world.control.insight.queue(ALICE, QueueQuery())).items
        assert [(row.submission_id, row.status, row.place) for row in queue] == [
            ("big", "running", None),
            ("high", "queued", 1),
            ("low", "queued", 2),
        ]
        (pool,) = (await world.control.insight.pools(ALICE, PoolQuery())).items
        assert (pool.status, pool.jobs, pool.lease and pool.lease.max_nodes) == ("up", 1, 2)
        assert [node.used for node in pool.nodes if not node.is_head] == [{"CPU": 2.0}] * 2


async def test_queue_is_filtered_and_paged(tmp_path: Path) -> None:
    """Filters keep each job's place in the whole queue, and pages follow one another without gap or overlap."""
    async with running_world(tmp_path, policy=make_policy("never")) as world:
        await world.running("big", workers="2x{CPU:2}")
        for name in ("a", "b", "c"):
            await world.submit(name, caller=BOB if name == "b" else ALICE)
        await world.tick()
        ask = world.control.insight.queue
        mine = (await ask(ALICE, QueueQuery(team="search", status=("queued",)))).items
        assert [(row.submission_id, row.place) for row in mine] == [("a", 2), ("c", 3)]
        assert [row.submission_id for row in (await ask(ALICE, QueueQuery(pool="onprem"))).items] == ["big"]
        first = await ask(ALICE, QueueQuery(status=("queued",), limit=2))
        rest = await ask(ALICE, QueueQuery(status=("queued",), limit=2, after=first.next))
        assert [row.submission_id for row in (*first.items, *rest.items)] == ["b", "a", "c"]
        assert rest.next is None
        with pytest.raises(BadRequest, match="after 'x' is no page's 'next'"):
            await ask(ALICE, QueueQuery(after="x"))


async def test_pools_are_filtered(tmp_path: Path) -> None:
    """Pools can be asked for by kind, role and status."""
    async with running_world(tmp_path, attached(), burst()) as world:
        await world.tick(3)
        ask = world.control.insight.pools
        for query, names in (
            (PoolQuery(), ["dc", "cloud"]),
            (PoolQuery(kind="attached"), ["dc"]),
            (PoolQuery(role="burst"), ["cloud"]),
            (PoolQuery(status=("down",)), ["cloud"]),
            (PoolQuery(limit=1), ["dc"]),
        ):
            assert [pool.name for pool in (await ask(ALICE, query)).items] == names


async def test_run_time_is_learnt_from_like_jobs(tmp_path: Path) -> None:
    """What is expected of an entrypoint comes nearer with each of its runs, without a restart."""
    async with running_world(tmp_path) as world:
        await world.tick(2)
        like = SubmitRequest("python same.py")
        names = [f"run{number}" for number in range(5)]
        for name in names:
            await world.control.service.submit(ALICE, name, like)
            await world.until(lambda name=name: name in world.clusters["onprem"].runs)
            world.clusters["onprem"].run(name)
            await world.tick(31)
            world.clusters["onprem"].end(name)
            await world.until(lambda name=name: world.job(name).status == "succeeded")
        expected = [world.store.decisions(name)[-1].offers[0].runtime_s for name in names]
        assert expected[0] == world.settings.default_runtime_s
        assert expected == sorted(expected, reverse=True)
        assert 31 < expected[-1] < 200
