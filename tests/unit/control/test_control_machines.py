"""Machines of rented pools: leases reach them, strays are ended, and a pool is down only when its provider says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from world import World, make_pool, rented, running_world

from spillover.domain.pool import PoolState, PoolStatus
from spillover.domain.provider import Lease, Machine, MachineState

pytestmark = pytest.mark.asyncio


async def up(world: World, job: str = "j1", **said: str) -> None:
    """The rented pool is up, with a job on it."""
    await world.running(job, "cloud", **said)
    assert world.state("cloud").status is PoolStatus.UP


def lease(world: World) -> Lease:
    return world.launchers["cloud"].leases[-1]


async def test_the_lease_is_committed_before_the_launch_and_given_to_it(tmp_path: Path) -> None:
    """The launcher gets the very lease that the store holds, cap and end included."""
    async with running_world(tmp_path, rented(lease_s=600.0)) as world:
        await up(world)
        state, given = world.state("cloud"), lease(world)
        assert (given.id, given.pool, given.max_nodes) == (state.lease_id, "cloud", 2)
        assert given.expires_at == state.lease_expires_at
        assert given.first_s == 300.0


async def test_a_renewed_lease_reaches_every_machine(tmp_path: Path) -> None:
    """Halfway the lease is renewed, and machines carry its new end soon after; one born later gets it too."""
    async with running_world(tmp_path, rented(lease_s=600.0)) as world:
        await up(world)
        cloud = world.clouds["cloud"]
        await world.tick(70, 5.0)
        ends = {m.lease_expires_at for m in cloud.machines_by_id.values()}
        assert ends == {float(int(world.state("cloud").lease_expires_at or 0))}
        assert ends != {float(int(lease(world).expires_at))}
        late = cloud.launch(lease(world), "worker", "rented", "127.0.1.77")
        await world.tick(3, 5.0)
        assert cloud.machines_by_id[late.id].lease_expires_at in ends


async def test_what_nobody_knows_is_ended(tmp_path: Path) -> None:
    """Machines of an earlier lease, of no lease, of a pool that never was: all are ended; those of the lease stay."""
    async with running_world(tmp_path, rented()) as world:
        await up(world)
        cloud, own = world.clouds["cloud"], lease(world)
        good = set(cloud.there())
        cloud.launch(replace(own, id="earlier"), "worker", "rented", "127.0.1.50")
        cloud.launch(replace(own, id=""), "worker", "rented", "127.0.1.51")
        cloud.launch(replace(own, pool="never"), "worker", "rented", "127.0.1.52")
        cloud.launch(own, "head", "head", "127.0.0.99")
        await world.tick(8, 2.0)
        assert set(cloud.there()) == good
        assert sum(text.startswith("stray machine") for text in world.events("pool:cloud")) == 4
        assert world.control.core.pools["cloud"].strays == ()


async def test_a_machine_that_comes_after_the_fold_is_ended(tmp_path: Path) -> None:
    """What the provider's list did not show while the pool was folded is found later, and ended."""
    async with running_world(tmp_path, rented(idle_timeout_s=10.0)) as world:
        await up(world)
        world.clusters["cloud"].end("j1")
        await world.until(lambda: world.state("cloud").status is PoolStatus.DOWN)
        cloud = world.clouds["cloud"]
        assert cloud.there() == []
        cloud.launch(lease(world), "worker", "rented", "127.0.1.60")
        await world.tick(40, 5.0)
        assert cloud.there() == []
        assert any("orphaned: pool cloud is down" in text for text in world.events("pool:cloud"))


async def test_a_refused_end_stays_visible_and_is_tried_again(tmp_path: Path) -> None:
    """A stray whose end is refused is shown with the provider's reason, raises an alarm, and goes when it can."""
    async with running_world(tmp_path, rented()) as world:
        await up(world)
        cloud, runtime = world.clouds["cloud"], world.control.core.pools["cloud"]
        stray = cloud.launch(replace(lease(world), id="earlier"), "worker", "rented", "127.0.1.50")
        cloud.refuses = "TerminateInstances: UnauthorizedOperation"
        await world.tick(12, 2.0)
        (shown,) = runtime.strays
        assert (shown.machine.id, shown.error) == (stray.id, cloud.refuses)
        assert shown.tries > 2
        alarms = [text for text in world.events("pool:cloud") if text.startswith("ALARM")]
        assert cloud.refuses in alarms[0]
        assert len(alarms) < shown.tries
        cloud.refuses = ""
        await world.tick(6, 2.0)
        assert runtime.strays == ()
        assert stray.id not in cloud.there()


async def test_an_end_that_is_accepted_and_not_done_raises_an_alarm(tmp_path: Path) -> None:
    """That the provider said yes is not the same as that the machine is gone."""
    async with running_world(tmp_path, rented()) as world:
        await up(world)
        cloud = world.clouds["cloud"]
        cloud.launch(replace(lease(world), id="earlier"), "worker", "rented", "127.0.1.50")
        cloud.ignores = True
        await world.tick(12, 2.0)
        assert any("the provider accepted each" in text for text in world.events("pool:cloud"))


async def test_a_pool_is_down_only_when_its_provider_says_so(tmp_path: Path) -> None:
    """Its end may be refused, or accepted and not done: until the provider shows no machine of it, it is not down."""
    async with running_world(tmp_path, rented(idle_timeout_s=5.0)) as world:
        await up(world)
        cloud = world.clouds["cloud"]
        cloud.refuses = "TerminateInstances: InternalError"
        world.clusters["cloud"].end("j1")
        await world.until(lambda: "NOT folded" in world.state("cloud").message, 80)
        cloud.refuses, cloud.ignores = "", True
        await world.tick(10, 5.0)
        assert world.state("cloud").status is PoolStatus.FOLDING
        assert "the provider still has" in world.state("cloud").message
        cloud.ignores = False
        await world.until(lambda: world.state("cloud").status is PoolStatus.DOWN, 80)
        assert cloud.there() == []


async def test_lost_jobs_wait_until_the_providers_word_has_settled(tmp_path: Path) -> None:
    """A list that lags may hide a node on which the job still runs: it is run again only when that can be no more."""
    async with running_world(tmp_path, rented(unreachable_after_s=10.0)) as world:
        await up(world, resumable="true")
        world.clusters["cloud"].up = False
        await world.until(lambda: world.clouds["cloud"].there() == [], 80)
        gone_at = world.clock.now()
        await world.until(lambda: world.attempts("j1")[0].outcome is not None, 80)
        assert world.clock.now() - gone_at >= 29.0


async def test_an_expired_lease_ends_the_pool(tmp_path: Path) -> None:
    """After an outage of ours that outlived the lease nothing is renewed: the pool is folded, the job goes on elsewhere."""
    async with running_world(tmp_path, rented(lease_s=300.0)) as world:
        await up(world, resumable="true")
        world.clock.advance(400.0)
        await world.restart()
        await world.until(lambda: world.state("cloud").status is PoolStatus.FOLDING)
        assert "its lease ended" in world.state("cloud").message
        assert all(expires <= world.clock.now() for _, expires in world.clouds["cloud"].renewals)


async def test_credentials_that_end_before_the_lease_launch_nothing(tmp_path: Path) -> None:
    """Whoever cannot end a machine for as long as it may live does not start it; the reason names both times."""
    async with running_world(tmp_path, rented(lease_s=3600.0)) as world:
        world.clouds["cloud"].credentials_until = world.clock.now() + 1800.0
        await world.submit("j1")
        await world.tick(10)
        assert world.launchers["cloud"].raises == []
        assert world.state("cloud").status is PoolStatus.DOWN
        assert "its credentials end in" in world.state("cloud").message
        assert world.job("j1").status == "queued"
        world.clouds["cloud"].credentials_until = None
        await world.until(lambda: bool(world.clusters["cloud"].runs), 80)


async def test_a_silent_provider_is_told_once(tmp_path: Path) -> None:
    """An outage of the provider's API is one line of history, and its end another; the pool's jobs go on."""
    async with running_world(tmp_path, rented()) as world:
        await up(world)
        world.clouds["cloud"].down = "DescribeInstances: RequestLimitExceeded"
        await world.tick(20, 3.0)
        world.clouds["cloud"].down = ""
        await world.tick(5, 3.0)
        texts = [text for text in world.events("pool:cloud") if "its provider" in text]
        assert texts == [
            "its provider does not answer: DescribeInstances: RequestLimitExceeded",
            "its provider answers again",
        ]
        assert world.job("j1").status == "running"


async def test_other_pools_machines_are_left_to_their_own_pools(tmp_path: Path) -> None:
    """Two pools share an account: each looks after its own machines only."""
    async with running_world(tmp_path, rented("cloud"), rented("other")) as world:
        world.clouds["other"].machines_by_id = world.clouds["cloud"].machines_by_id
        await world.tick(2)
        held = PoolState("other", PoolStatus.UP, lease_id="l2", lease_expires_at=world.clock.now() + 900)
        world.store.save_pool(held)
        world.clouds["cloud"].launch(Lease("l2", "other", 2, world.clock.now() + 900), "worker", "rented", "127.0.1.9")
        assert isinstance(world.clouds["cloud"].machines_by_id["i-000"], Machine)
        world.clouds["other"].down = "its own look fails"
        await world.tick(3, 5.0)
        assert world.clouds["cloud"].machines_by_id["i-000"].state is MachineState.RUNNING


async def test_owned_pools_are_not_asked_for_machines(tmp_path: Path) -> None:
    """A pool without a provider has nothing to list."""
    async with running_world(tmp_path, make_pool()) as world:
        await world.tick(5, 5.0)
        assert world.control.core.pools["onprem"].listed is None
