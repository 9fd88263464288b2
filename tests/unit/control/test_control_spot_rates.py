"""How often the spot market takes nodes back is learnt from what became of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from world import World, rented, running_world

from spillover.control.spot_rates import measured
from spillover.domain.past import SpotPast
from spillover.domain.pool import Market, NodeType
from spillover.domain.provider import Machine
from spillover.domain.resources import Resources

HOUR_S = 3600.0
SPOT = NodeType("spot", Resources({"CPU": 4}), Market.SPOT, 1.0, 8, interruptions_per_hour=0.3)


@pytest.mark.parametrize(
    ("hours", "reclaimed", "per_hour"),
    [(50.0, 10, 0.2), (1.0, 5, 5.0), (16.0, 4, None), (17.0, 0, 0.0), (0.0, 9, None)],
)
def test_a_rate_is_measured_where_enough_was_seen(hours: float, reclaimed: int, per_hour: float | None) -> None:
    """Five interruptions, or as long a life as would have had five at the assumed rate; else the setting holds."""
    found = measured(SpotPast("aws", "spot", hours * HOUR_S, reclaimed))
    assert (found and found.per_hour) == per_hour


def test_a_measured_rate_says_what_was_seen() -> None:
    """The text is what explanations show."""
    found = measured(SpotPast("aws", "spot", 50 * HOUR_S, 10))
    assert found is not None
    assert found.source == "10 in 50 node-hours of the last 30 days"


def spot_machine(world: World, number: int) -> Machine:
    lease = world.launchers["cloud"].leases[-1]
    return world.clouds["cloud"].launch(lease, "worker", "spot", f"127.0.1.{100 + number}", "spot")


@pytest.mark.asyncio
async def test_reclaimed_machines_are_counted_with_all_of_their_life(tmp_path: Path) -> None:
    """Six machines that are taken back after ten minutes, which cost nothing, make a rate of six in an hour."""
    pool = rented(node_types=(*rented().node_types, SPOT), lease_s=6 * HOUR_S)
    async with running_world(tmp_path, pool) as world:
        await world.running("j1", "cloud", workers="1x{CPU:4}")
        machines = [spot_machine(world, number) for number in range(6)]
        await world.tick(12, 50.0)
        for machine in machines:
            world.clouds["cloud"].gone(machine.id, free=True)
        await world.tick(3)
        await world.control.loop.meter_now()
        (past,) = world.store.spot_past(0.0)
        assert (past.pool, past.node_type, past.reclaimed) == ("cloud", "spot", 6)
        assert past.lived_s == pytest.approx(6 * 600, abs=60)
        world.clock.advance(600)
        (view,) = (await world.control.loop._passes.snapshot()).pools
        assert view.interruptions["spot"].per_hour == pytest.approx(6.0, rel=0.03)


@pytest.mark.asyncio
async def test_machines_that_we_end_are_no_interruptions(tmp_path: Path) -> None:
    """What is folded, or ended for any other reason, has lived and was not taken back."""
    pool = rented(node_types=(*rented().node_types, SPOT))
    async with running_world(tmp_path, pool) as world:
        await world.running("j1", "cloud", workers="1x{CPU:4}")
        machine = spot_machine(world, 0)
        await world.tick(10, 10.0)
        world.clouds["cloud"].gone(machine.id)
        await world.tick(3)
        await world.control.loop.meter_now()
        (past,) = world.store.spot_past(0.0)
        assert (past.reclaimed, past.lived_s) == (0, pytest.approx(100, abs=20))
        assert world.store.spot_past(world.clock.now() + 1) == []
        assert replace(past, lived_s=0.0) == SpotPast("cloud", "spot", 0.0, 0)
