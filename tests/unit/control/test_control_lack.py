"""A cloud without capacity: its node types are left alone for a while, and what waits for them goes elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from world import rented, running_world

from spillover.domain.job import Outcome
from spillover.domain.pool import Market, NodeType
from spillover.domain.resources import Resources

pytestmark = pytest.mark.asyncio

CHEAP = NodeType("cheap", Resources({"CPU": 4}), Market.SPOT, 1.0, 2)
DEAR = NodeType("dear", Resources({"CPU": 4}), Market.ON_DEMAND, 3.0, 2)


async def test_a_job_that_waits_for_nodes_in_vain_goes_to_another_pool(tmp_path: Path) -> None:
    """After a minute in which every useful type lacks capacity it is taken back, and runs on the next cheapest pool."""
    first, second = rented("cloud", node_types=(CHEAP,)), rented("other", node_types=(DEAR,))
    async with running_world(tmp_path, first, second) as world:
        await world.submit("j1", workers="1x{CPU:4}")
        await world.until(lambda: "j1" in world.clusters["cloud"].runs)
        world.clusters["cloud"].nodes[1:] = []
        for second_of in range(12):
            world.clusters["cloud"].failed.add(("cheap", f"12:00:{second_of * 5:02d}"))
            await world.tick(3, 2.5)
        await world.until(lambda: "j1-a2" in world.clusters["other"].runs, 80)
        (taken_back, _) = world.attempts("j1")
        assert taken_back.outcome is Outcome.WITHDRAWN
        assert "lacks capacity" in taken_back.message
        assert world.clusters["cloud"].stops == ["j1"]
        assert any("the cloud lacks capacity for cheap" in text for text in world.events("pool:cloud"))


async def test_a_job_that_began_is_left_where_it_runs(tmp_path: Path) -> None:
    """Lacking capacity ends nothing that runs."""
    async with running_world(tmp_path, rented("cloud", node_types=(CHEAP,))) as world:
        await world.running("j1", "cloud")
        world.clusters["cloud"].failed.add(("cheap", "12:00:00"))
        await world.tick(40, 3.0)
        assert world.job("j1").status == "running"
        assert world.clusters["cloud"].stops == []


async def test_a_pool_with_another_type_left_is_not_left(tmp_path: Path) -> None:
    """Ray takes the other type within the cluster: only if none is left does the job leave."""
    async with running_world(tmp_path, rented("cloud", node_types=(CHEAP, DEAR))) as world:
        await world.submit("j1", workers="1x{CPU:4}")
        await world.until(lambda: "j1" in world.clusters["cloud"].runs)
        world.clusters["cloud"].failed.add(("cheap", "12:00:00"))
        await world.tick(40, 3.0)
        assert world.clusters["cloud"].stops == []


async def test_new_jobs_are_offered_what_there_is(tmp_path: Path) -> None:
    """A lacking type is out of the offers, with that reason; after its time it is offered again."""
    async with running_world(tmp_path, rented("cloud", node_types=(CHEAP, DEAR))) as world:
        await world.running("j1", "cloud", workers="2x{CPU:4}")
        world.clusters["cloud"].nodes[1:] = world.clusters["cloud"].nodes[1:3]
        world.clusters["cloud"].failed.add(("dear", "12:00:00"))
        await world.tick(3)
        assert world.control.core.pools["cloud"].lacking == {"dear"}
        view = next(v for v in (await world.control.loop._passes.snapshot()).pools if v.pool.name == "cloud")
        assert (view.lacking, view.max_new_nodes["dear"]) == ({"dear"}, 0)
        await world.tick(20, 2.0)
        view = next(v for v in (await world.control.loop._passes.snapshot()).pools if v.pool.name == "cloud")
        assert view.max_new_nodes["dear"] == 2
