"""Meters: every node is paid for from the moment it costs money until the provider says that it is gone."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes import provider_node
from sqlalchemy import select
from world import World, attached, burst, make_pool, running_world

from spillover.adapters.sql_tables import nodes
from spillover.domain.money import NANOS
from spillover.domain.pool import PoolStatus
from spillover.domain.provider import ProviderNode

pytestmark = pytest.mark.asyncio


def spent(world: World, *by: str) -> dict[tuple[object, ...], int]:
    """Nanodollars by these columns."""
    return {tuple(row[c] for c in by): row["nano_usd"] for row in world.store.spend(by)}


async def test_job_pays_its_share_and_the_rest_is_idle(tmp_path: Path) -> None:
    """Half of one node is the job's, the rest is idle, the head is the head's: together what the nodes cost."""
    async with running_world(tmp_path, metering_s=1.0) as world:
        await world.tick(3)
        await world.running("j1", workers="1x{CPU:1}", team="search")
        start = spent(world, "kind", "team")
        await world.tick(20, 5.0)
        now = spent(world, "kind", "team")
        grown = {key: (now[key] - start.get(key, 0)) / NANOS for key in now}
        # 0.36 $/h is 100 microdollars a second and node; the head 10
        assert grown[("job", "search")] == pytest.approx(0.005, rel=0.1)
        assert grown[("idle", None)] == pytest.approx(0.015, rel=0.1)
        assert grown[("head", None)] == pytest.approx(0.001, rel=0.1)


async def test_who_held_the_node_pays_for_the_past(tmp_path: Path) -> None:
    """What was spent before a job came is not its cost, and what was spent until it ended is."""
    async with running_world(tmp_path, attached(node_types=(make_pool().node_types[0],)), metering_s=1000.0) as world:
        await world.tick(20, 5.0)
        await world.submit("j1", workers="2x{CPU:2}")
        await world.tick(2)
        world.clusters["dc"].run("j1")
        await world.tick(20, 5.0)
        world.clusters["dc"].end("j1")
        await world.tick(20, 5.0)
        await world.control.loop.meter_now()
        job = spent(world, "job")[("j1",)] / NANOS
        assert job == pytest.approx(2 * 101 * 0.0001, rel=0.1)


async def test_node_is_gone_only_when_the_provider_says_so(tmp_path: Path) -> None:
    """A worker that Ray no longer shows is metered on while the provider lists it, and ends when it does not."""
    async with running_world(tmp_path, metering_s=5.0) as world:
        onprem, launcher = world.clusters["onprem"], world.launchers["onprem"]
        await world.tick(10)
        assert len(world.store.open_nodes()) == 3
        gone = onprem.nodes.pop()
        listed = [provider_node(node) for node in (*onprem.nodes, gone)]

        async def provider_lists_it() -> list[ProviderNode]:
            return list(listed)

        launcher.nodes = provider_lists_it  # type: ignore[method-assign]
        await world.tick(12, 5.0)
        assert len(world.store.open_nodes()) == 3
        listed.pop()
        await world.tick(20)
        assert gone.node_id not in {node.node_id for node in world.store.open_nodes()}
        assert len(world.store.open_nodes()) == 2


async def test_provider_that_cannot_be_asked_keeps_the_meter_running(tmp_path: Path) -> None:
    """No answer of the provider is not the answer that the node is gone."""
    async with running_world(tmp_path, metering_s=5.0) as world:
        await world.tick(10)
        world.clusters["onprem"].nodes.pop()
        world.launchers["onprem"].fail_nodes = "the provider is down"
        await world.tick(12, 5.0)
        assert len(world.store.open_nodes()) == 3


async def test_silent_pool_is_metered_on(tmp_path: Path) -> None:
    """Nodes of a pool that does not answer, or whose fold fails, go on costing money."""
    async with running_world(tmp_path, burst(unreachable_after_s=20.0), metering_s=5.0) as world:
        await world.running("j1", "cloud")
        await world.tick(5)
        world.clusters["cloud"].up = False
        world.launchers["cloud"].fail_fold = "the provider is down"
        await world.until(lambda: world.state("cloud").status == "folding", 80)
        before = spent(world, "pool")[("cloud",)]
        await world.tick(20, 5.0)
        grown = (spent(world, "pool")[("cloud",)] - before) / NANOS
        assert grown == pytest.approx(100 * (2 * 0.001 + 0.00001), rel=0.1)
        world.launchers["cloud"].fail_fold = ""
        await world.until(lambda: world.state("cloud").status == "down", 80)
        await world.control.loop.meter_now()
        assert world.store.open_nodes() == []
        after = spent(world, "pool")
        await world.tick(10, 5.0)
        assert spent(world, "pool") == after


async def test_pool_that_is_raised_again_at_once_pays_no_old_nodes(tmp_path: Path) -> None:
    """A fold ends the meters of its nodes even if nobody looked before the next raise began."""
    async with running_world(tmp_path, metering_s=1000.0) as world:
        await world.tick(5)
        await world.control.loop.meter_now()
        old = {node.node_id for node in world.store.open_nodes()}
        world.clusters["onprem"].up = False
        await world.until(lambda: world.state().status == "folding", 200)
        # It hangs while it is raised: the provider takes its time
        launcher = world.launchers["onprem"]
        launcher.fail_nodes = "busy"
        await world.until(lambda: world.state().status == "down", 200)
        down_at = world.clock.now()
        state = world.state()
        raising = replace(state, status=PoolStatus.RAISING, lease_id="next", since=down_at)
        world.store.save_pool(raising)
        world.clock.advance(500)
        await world.control.loop.meter_now()
        assert {node.node_id for node in world.store.open_nodes()} == {"head-next"}
        ends = {e.node_id: e.gone_at for e in all_nodes(world)}
        assert all(ends[name] is not None and ends[name] <= down_at for name in old)


async def hours_down(world: World, *, ends_after_s: float | None = None) -> int:
    """Nanodollars that `j1`, on half of `onprem`'s first worker, pays for a time in which Spillover is down."""
    await world.running("j1", workers="1x{CPU:1}")
    await world.tick(3)
    await world.control.loop.meter_now()
    before = spent(world, "job")[("j1",)]
    await world.die()
    if ends_after_s is not None:
        world.clock.advance(ends_after_s)
        world.clusters["onprem"].end("j1")
    world.clock.advance(7200 - (ends_after_s or 0))
    world.start()
    await world.tick(3)
    await world.control.loop.meter_now()
    assert sum(spent(world, "pool").values()) == world.store.node_cost_nanos()
    return spent(world, "job")[("j1",)] - before


async def test_job_pays_for_the_time_in_which_spillover_was_down(tmp_path: Path) -> None:
    """A job that held a node before and after pays for all of the time between, not the idle rest."""
    async with running_world(tmp_path, metering_s=10.0) as world:
        assert await hours_down(world) / NANOS == pytest.approx(7200 * 0.0001 / 2, rel=0.01)


async def test_job_that_ended_while_spillover_was_down_pays_until_its_end(tmp_path: Path) -> None:
    """Ray's word of when a job ended counts, not when Spillover came to hear of it."""
    async with running_world(tmp_path, metering_s=10.0) as world:
        assert await hours_down(world, ends_after_s=600.0) / NANOS == pytest.approx(600 * 0.0001 / 2, rel=0.01)


async def test_job_on_a_silent_pool_pays_on(tmp_path: Path) -> None:
    """While a pool does not answer, its jobs hold their nodes: that time is theirs, not idle."""
    async with running_world(tmp_path, attached(unreachable_after_s=20.0), metering_s=5.0) as world:
        await world.running("j1", "dc", workers="1x{CPU:2}")
        await world.tick(3)
        world.clusters["dc"].up = False
        await world.until(lambda: world.state("dc").status == "unreachable", 80)
        await world.tick(2)
        before = spent(world, "kind")
        await world.tick(100)
        await world.control.loop.meter_now()
        grown = {kind: nanos - before[kind] for kind, nanos in spent(world, "kind").items()}
        assert grown[("job",)] == grown[("idle",)] > 0


def all_nodes(world: World) -> list[Any]:
    """Every node that was ever metered."""
    with world.store._read() as db:
        return list(db.execute(select(nodes)))
