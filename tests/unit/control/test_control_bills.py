"""Rented machines are paid for as their provider bills them, whatever its lists show meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest
from world import World, rented, running_world

from spillover.domain.money import NANOS
from spillover.domain.pool import PoolStatus

pytestmark = pytest.mark.asyncio

PRICES = {"rented": 3.6, "head": 0.036}


def booked(world: World) -> float:
    """US dollars in the ledger."""
    return sum(row["nano_usd"] for row in world.store.spend(["pool"])) / NANOS


async def folded(world: World) -> None:
    """Everything has ended, and its bill is closed."""
    for cluster in world.clusters.values():
        for attempt in list(cluster.runs):
            cluster.end(attempt)
    await world.until(lambda: world.state("cloud").status is PoolStatus.DOWN, 200)
    await world.tick(30, 5.0)
    assert world.store.open_nodes() == []


async def test_the_ledger_is_the_bill(tmp_path: Path) -> None:
    """From the launch to the end as the provider bills them: the head, workers, one that went on its own."""
    async with running_world(tmp_path, rented(idle_timeout_s=20.0), metering_s=5.0) as world:
        await world.running("j1", "cloud")
        cloud = world.clouds["cloud"]
        await world.tick(31, 3.7)
        cloud.gone(cloud.there()[-1])
        await world.tick(11, 3.7)
        await folded(world)
        assert booked(world) == pytest.approx(cloud.bill(PRICES), abs=1e-8)
        assert world.store.node_cost_nanos() == round(booked(world) * NANOS)


async def test_an_end_that_is_told_late_is_taken_back(tmp_path: Path) -> None:
    """Lists that lag by 20 s show ended machines as running: what was booked on them meanwhile is booked back."""
    async with running_world(tmp_path, rented(idle_timeout_s=20.0), metering_s=2.0) as world:
        await world.running("j1", "cloud")
        cloud = world.clouds["cloud"]
        await world.tick(40, 3.0)
        cloud.lag_s = 20.0
        ended = cloud.there()[-1]
        cloud.gone(ended)
        await world.tick(20, 3.0)
        assert any(entry.nano_usd < 0 for entry in world.store.node_entries("cloud", ended, 0.0))
        cloud.lag_s = 0.0
        await folded(world)
        assert booked(world) == pytest.approx(cloud.bill(PRICES), abs=1e-8)


async def test_a_spot_machine_that_was_free_costs_nothing(tmp_path: Path) -> None:
    """EC2 asks nothing for a spot machine that it takes back in the first hour: its entries are booked back whole."""
    async with running_world(tmp_path, rented(idle_timeout_s=20.0), metering_s=5.0) as world:
        await world.running("j1", "cloud")
        cloud = world.clouds["cloud"]
        await world.tick(40, 3.0)
        taken = cloud.there()[-1]
        cloud.gone(taken, free=True)
        await folded(world)
        by_node = {row["node_id"]: row["nano_usd"] for row in world.store.spend(["node_id"])}
        assert by_node[taken] == 0
        assert booked(world) == pytest.approx(cloud.bill(PRICES), abs=1e-8)


async def test_short_lives_cost_the_minimum(tmp_path: Path) -> None:
    """A machine that lived for seconds is billed for a minute; so is one that came and went between two lists."""
    async with running_world(tmp_path, rented(idle_timeout_s=60.0), metering_s=5.0) as world:
        await world.running("j1", "cloud")
        cloud = world.clouds["cloud"]
        brief = cloud.launch(world.launchers["cloud"].leases[-1], "worker", "rented", "127.0.1.70")
        world.clock.advance(1.0)
        cloud.gone(brief.id)
        await world.tick(40, 3.0)
        by_node = {row["node_id"]: row["nano_usd"] / NANOS for row in world.store.spend(["node_id"])}
        assert by_node[brief.id] == pytest.approx(0.06)
        await folded(world)
        assert booked(world) == pytest.approx(cloud.bill(PRICES), abs=1e-8)


async def test_what_ended_while_we_were_down_is_billed_to_its_end(tmp_path: Path) -> None:
    """After kill -9 and a restart minutes later, machines that ended meanwhile are booked up to their end, no longer."""
    async with running_world(tmp_path, rented(idle_timeout_s=20.0), metering_s=5.0) as world:
        await world.running("j1", "cloud")
        cloud = world.clouds["cloud"]
        await world.tick(30, 3.0)
        world.clock.advance(100.0)
        cloud.gone(cloud.there()[-1])
        world.clock.advance(300.0)
        await world.restart()
        await world.tick(10, 3.0)
        await folded(world)
        assert booked(world) == pytest.approx(cloud.bill(PRICES), abs=1e-8)


async def test_an_outage_of_the_provider_is_caught_up(tmp_path: Path) -> None:
    """While its API is down the meters run on; what ended meanwhile is put right when it answers."""
    async with running_world(tmp_path, rented(idle_timeout_s=20.0), metering_s=5.0) as world:
        await world.running("j1", "cloud")
        cloud = world.clouds["cloud"]
        await world.tick(20, 3.0)
        cloud.down = "DescribeInstances: no answer"
        await world.tick(5, 3.0)
        cloud.gone(cloud.there()[-1])
        await world.tick(40, 3.0)
        cloud.down = ""
        await world.tick(30, 3.0)
        await folded(world)
        assert booked(world) == pytest.approx(cloud.bill(PRICES), abs=1e-8)
