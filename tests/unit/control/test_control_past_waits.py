"""What a policy that learns is told of the jobs that have started."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from world import World, attached, burst, running_world

from spillover.domain.past import StartedJob
from spillover.placement.policies import make_policy
from spillover.placement.snapshot import PastWait

pytestmark = pytest.mark.asyncio

TARGET = make_policy("waiting_budget", target_mean_wait=30)


class Counted:
    """A store that counts how often the started jobs are read."""

    def __init__(self, store: Any) -> None:
        self.store = store
        self.reads = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def started_jobs(self, limit: int) -> Sequence[StartedJob]:
        self.reads += 1
        found: Sequence[StartedJob] = self.store.started_jobs(limit)
        return found


async def past(world: World) -> tuple[PastWait, ...]:
    return (await world.control.loop._passes.snapshot()).past


async def test_started_jobs_are_told_with_price_and_waits(tmp_path: Path) -> None:
    """One on the owned pool, one that waited for a minute and burst: $3.60 an hour for half an hour on one node."""
    async with running_world(tmp_path, attached(), burst(), policy=TARGET) as world:
        await world.running("own", "dc", workers="2x{CPU:2}", runtime="1h")
        await world.submit("away", workers="1x{CPU:2}", runtime="30m")
        await world.until(lambda: "away" in world.clusters["cloud"].runs, ticks=90)
        assert len(await past(world)) == 1
        world.clusters["cloud"].run("away")
        await world.until(lambda: world.job("away").status == "running")
        own, away = await past(world)
        assert (own.usd, own.burst) == (pytest.approx(3.6), False)
        assert (away.usd, away.burst) == (pytest.approx(1.8), True)
        assert away.wait_s == pytest.approx(30, abs=2)
        job, attempt = world.job("away"), world.attempts("away")[0]
        assert away.wait_s + away.start_s == pytest.approx((job.started_at or 0) - job.submitted_at)
        assert away.wait_s == attempt.committed_at - job.submitted_at


async def test_the_store_is_read_when_something_has_changed(tmp_path: Path) -> None:
    """Ticks in which nothing starts or ends get the same tuple, without a query."""
    async with running_world(tmp_path, attached(), burst(), policy=TARGET, wrap_store=Counted) as world:
        await world.running("one", "dc")
        first, reads = await past(world), world.control.core.store.reads
        await world.tick(5)
        assert await past(world) is first
        assert world.control.core.store.reads == reads
        await world.running("two", "dc")
        assert len(await past(world)) == 2


async def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    """What was learnt is in the store."""
    async with running_world(tmp_path, attached(), burst(), policy=TARGET) as world:
        await world.running("one", "dc", runtime="10m")
        before = await past(world)
        await world.restart()
        assert await past(world) == before != ()


async def test_policies_that_do_not_learn_cost_no_query(tmp_path: Path) -> None:
    """Nothing is read for a patience that is fixed."""
    fixed = make_policy("waiting_budget", seconds_per_usd=5)
    async with running_world(tmp_path, attached(), burst(), policy=fixed, wrap_store=Counted) as world:
        await world.running("one", "dc")
        assert await past(world) == ()
        assert world.control.core.store.reads == 0


async def test_a_target_bursts_what_waits_too_long(tmp_path: Path) -> None:
    """With too little history the target itself is the patience, and the job says so while it waits."""
    async with running_world(tmp_path, attached(), burst(), policy=TARGET) as world:
        await world.running("big", "dc", workers="2x{CPU:2}", runtime="1h")
        await world.submit("j1")
        await world.tick(25)
        assert "waiting_budget bursts it as things stand at" in world.job("j1").message
        await world.tick(10)
        assert world.attempts("j1")[0].why.startswith("Bursts to cloud: it has waited 30 s, the target")
