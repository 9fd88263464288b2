"""Clusters that do not answer, come back, or come back as another: attempts are fenced before the next starts."""

from pathlib import Path

import pytest
from fakes import LINGER_S
from world import ROOT, World, attached, burst, running_world

from spillover.domain.pool import Observation, PoolState
from spillover.errors import BadRequest, NotFound, PoolRefused

pytestmark = pytest.mark.asyncio


async def lost_sight(world: World, pool: str = "dc") -> None:
    """The pool no longer answers, and the job says so."""
    world.clusters[pool].up = False
    await world.until(lambda: world.job("j1").status == "unreachable", 90)


async def test_short_silence_changes_nothing(tmp_path: Path) -> None:
    """A pool that misses a few looks is still UP, and so are its jobs."""
    async with running_world(tmp_path, attached()) as world:
        await world.running("j1", "dc")
        world.clusters["dc"].up = False
        await world.tick(20)
        assert (world.state("dc").status, world.job("j1").status) == ("up", "running")
        world.clusters["dc"].up = True
        world.clusters["dc"].end("j1")
        await world.tick(5)
        assert world.job("j1").status == "succeeded"


async def test_job_on_a_pool_that_comes_back_goes_on(tmp_path: Path) -> None:
    """An UNREACHABLE job says why, is never run elsewhere, and goes on when its pool answers again."""
    async with running_world(tmp_path, attached(), burst()) as world:
        await world.running("j1", "dc", resumable="true")
        await lost_sight(world)
        message = world.job("j1").message
        assert message.startswith("Pool dc does not answer (pool 'dc' does not answer); the job may still run there.")
        await world.tick(40, 60.0)
        assert world.job("j1").status == "unreachable"
        assert world.clusters["cloud"].submits == []
        world.clusters["dc"].up = True
        await world.tick(3)
        assert (world.job("j1").status, world.job("j1").message) == ("running", "Runs on pool dc.")


async def test_launched_pool_that_does_not_answer_is_folded_and_its_work_lost(tmp_path: Path) -> None:
    """A launched pool that stays silent is taken down; only when its nodes are gone does the job run again."""
    async with running_world(tmp_path, burst(unreachable_after_s=20.0)) as world:
        launcher, cloud = world.launchers["cloud"], world.clusters["cloud"]
        await world.running("j1", "cloud", resumable="true")
        launcher.fail_fold = "the provider is down"
        await lost_sight(world, "cloud")
        await world.until(lambda: launcher.folds >= 2, 80)
        assert world.job("j1").status == "unreachable"
        assert len(world.attempts("j1")) == 1
        launcher.fail_fold = ""
        await world.until(lambda: "j1-a2" in cloud.runs, 80)
        first, second = world.attempts("j1")
        assert first.outcome == "lost"
        assert first.message.startswith("The nodes of pool cloud are gone.")
        assert "NOT folded" not in first.message
        assert second.session_name != first.session_name


async def test_launched_pool_whose_state_api_fails_keeps_its_work(tmp_path: Path) -> None:
    """A pool that answers with errors is not lost: nothing that runs there is folded, and the error is shown."""
    async with running_world(tmp_path, burst(unreachable_after_s=20.0)) as world:
        await world.running("j1", "cloud")

        async def refuse() -> Observation:
            raise PoolRefused("pool 'cloud': state API is out of order (HTTP 500)")

        world.clusters["cloud"].observe = refuse  # type: ignore[method-assign]
        await world.tick(60)
        assert world.state("cloud").status == "up"
        assert "out of order" in world.state("cloud").message
        assert world.job("j1").status == "running"


async def test_restarted_attached_pool_fences_its_attempts(tmp_path: Path) -> None:
    """After a restart under another session a job is UNREACHABLE until fence_s has passed, then lost and run again."""
    async with running_world(tmp_path, attached()) as world:
        dc = world.clusters["dc"]
        await world.running("j1", "dc", resumable="true")
        dc.restart(linger_s=LINGER_S)
        restarted_at = world.clock.now()
        await world.tick(50)
        assert world.job("j1").status == "unreachable"
        assert dc.submits == ["j1"]
        await world.until(lambda: "j1-a2" in dc.runs, 60)
        assert world.clock.now() - restarted_at >= 60
        assert world.attempts("j1")[0].message == "Pool dc was restarted: its Ray session is another one."


async def test_second_restart_fences_anew(tmp_path: Path) -> None:
    """Each new session starts the fence again."""
    async with running_world(tmp_path, attached()) as world:
        dc = world.clusters["dc"]
        await world.running("j1", "dc", resumable="true")
        dc.restart()
        await world.tick(40)
        dc.restart()
        await world.tick(40)
        assert world.job("j1").status == "unreachable"
        await world.until(lambda: "j1-a2" in dc.runs, 60)


async def test_operator_fences_an_unreachable_pool(tmp_path: Path) -> None:
    """An operator's word that nothing runs there any more lets the work go on elsewhere."""
    async with running_world(tmp_path, attached(), burst()) as world:
        operators = world.control.operators
        await world.running("j1", "dc", resumable="true")
        with pytest.raises(BadRequest, match="Pool 'dc' is up; only an unreachable one is fenced"):
            await operators.fence(ROOT, "dc")
        with pytest.raises(NotFound, match="There is no pool 'x'"):
            await operators.fence(ROOT, "x")
        await lost_sight(world)
        world.clusters["dc"].kill_all()
        assert await operators.fence(ROOT, "dc") == "Pool 'dc' is fenced: 1 attempts on it count as lost."
        await world.until(lambda: "j1-a2" in world.clusters["cloud"].runs)
        assert world.attempts("j1")[0].message == "Pool dc was fenced by an operator."
        assert ("root", "fenced") in [(e.actor, e.text) for e in world.store.events("pool:dc")]


async def test_fence_holds_for_the_outage_in_which_it_was_set(tmp_path: Path) -> None:
    """A pool that answers right after it was fenced keeps its job, and a later outage does not lose that job unasked."""
    async with running_world(tmp_path, attached(), burst()) as world:
        await world.running("j1", "dc", resumable="true")
        world.clusters["dc"].up = False
        await world.until(lambda: world.state("dc").status == "unreachable", 90)
        world.clock.advance(1)
        await world.control.operators.fence(ROOT, "dc")
        world.clusters["dc"].up = True
        await world.control.pools.step("dc")
        await world.tick(3)
        assert world.job("j1").status == "running"
        await lost_sight(world)
        await world.tick(100)
        assert world.job("j1").status == "unreachable"


async def test_launched_pool_that_cannot_be_folded_can_be_fenced(tmp_path: Path) -> None:
    """Where the provider does not answer either, the operator's word counts for a launched pool too."""
    async with running_world(tmp_path, burst(unreachable_after_s=20.0), burst("spare")) as world:
        launcher = world.launchers["cloud"]
        await world.running("j1", "cloud", resumable="true")
        launcher.fail_fold = "the provider is down"
        await lost_sight(world, "cloud")
        await world.until(lambda: launcher.folds > 1, 80)
        world.clusters["cloud"].kill_all()
        await world.control.operators.fence(ROOT, "cloud")
        await world.until(lambda: "j1-a2" in world.clusters["spare"].runs)
        assert world.state("cloud").status == "folding"


async def test_attached_pool_that_never_answered(tmp_path: Path) -> None:
    """A pool that is silent from the start takes no job, and the job says why it waits."""
    async with running_world(tmp_path, attached()) as world:
        world.clusters["dc"].up = False
        await world.submit("j1")
        await world.tick(20)
        assert world.state("dc").status == "unreachable"
        assert world.job("j1").message.startswith("Waits for dc: it does not answer")
        world.clusters["dc"].up = True
        await world.until(lambda: "j1" in world.clusters["dc"].runs)


async def test_pool_that_left_the_settings(tmp_path: Path) -> None:
    """A job on a pool that is no longer in the settings says so; everything else goes on, its meters too."""
    async with running_world(tmp_path, attached(), burst()) as world:
        await world.running("j1", "dc")
        await world.die()
        world.pools = world.pools[1:]
        world.start()
        await world.running("j2", "cloud")
        assert world.job("j1").status == "unreachable"
        assert "no longer in the settings" in world.job("j1").message
        await world.tick(30)
        assert world.job("j2").status == "running"
        assert {row["pool"] for row in world.store.spend(["pool"])} >= {"cloud"}


async def test_state_of_a_pool_outlives_us(tmp_path: Path) -> None:
    """After a restart the pool is what it was: no second raise, same session, same lease."""
    async with running_world(tmp_path) as world:
        await world.tick(3)
        before: PoolState = world.state()
        await world.restart()
        await world.tick(3)
        after = world.state()
        assert (after.status, after.session_name, after.lease_id) == ("up", before.session_name, before.lease_id)
        assert len(world.launchers["onprem"].raises) == 1
