"""Launched pools: raised with a lease, folded when idle, and down only when the provider says so."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from fakes import Crash, provider_node
from world import ALICE, BOB, ROOT, World, attached, burst, running_world

from spillover.domain.pool import PoolState, PoolStatus
from spillover.errors import BadRequest, Forbidden, NotFound

pytestmark = pytest.mark.asyncio


async def test_baseline_is_raised_at_start_and_after_loss(tmp_path: Path) -> None:
    """A launched baseline pool is raised without any job, and again after its cluster was lost."""
    async with running_world(tmp_path) as world:
        await world.tick()
        assert world.state().status == "up"
        assert world.launchers["onprem"].raises == [(2, False)]
        assert world.state().address == "http://127.0.0.9:1"
        await world.tick(5)
        world.clusters["onprem"].up = False
        await world.until(lambda: world.state().status == "unreachable", 80)
        await world.until(lambda: world.state().status == "up", 200)
        assert len(world.launchers["onprem"].raises) == 2
        assert world.launchers["onprem"].folds == 1


async def test_burst_pool_is_not_raised_without_a_job(tmp_path: Path) -> None:
    """A rented pool exists only while it is needed."""
    async with running_world(tmp_path, burst()) as world:
        await world.tick(10)
        assert world.launchers["cloud"].raises == []
        assert world.state("cloud") == PoolState("cloud")


async def test_intent_and_lease_are_committed_before_the_launcher_is_called(tmp_path: Path) -> None:
    """When the launcher is called the store holds RAISING, the cap, the lease's end, and an event."""
    async with running_world(tmp_path, burst(lease_s=600.0)) as world:
        seen: list[tuple[PoolState, list[str]]] = []
        world.launchers["cloud"].when_called = lambda: seen.append((world.state("cloud"), world.events("pool:cloud")))
        await world.submit("j1")
        await world.until(lambda: bool(seen))
        state, events = seen[0]
        assert (state.status, state.lease_max_nodes, state.target) == ("raising", 2, "up")
        assert state.lease_id
        assert state.lease_expires_at == state.since + 600
        assert events == [f"raise, lease {state.lease_id}: at most 2 nodes for 600 s"]


@pytest.mark.parametrize("head_answers", [False, True])
async def test_recovery_looks_before_it_raises(tmp_path: Path, head_answers: bool) -> None:  # noqa: FBT001
    """A raise that a crash broke off goes on: with no_restart if and only if a head is there and answers."""
    async with running_world(tmp_path, burst()) as world:
        cloud, launcher = world.clusters["cloud"], world.launchers["cloud"]

        def crash() -> None:
            launcher.alive, cloud.up = True, head_answers
            raise Crash

        launcher.when_called = crash
        await world.submit("j1")
        await world.until(lambda: bool(launcher.raises))
        assert world.state("cloud").status == "raising"
        lease = world.state("cloud").lease_id
        launcher.when_called = None
        await world.restart()
        await world.until(lambda: "j1" in cloud.runs)
        assert launcher.raises == [(2, False), (2, head_answers)]
        assert world.state("cloud").lease_id == lease


@pytest.mark.parametrize("stage", ["fail_nodes", "fail_raise", "fail_after_head"])
async def test_attempt_is_withdrawn_when_its_pool_cannot_be_raised(tmp_path: Path, stage: str) -> None:
    """Whatever stage fails: the pool is folded, the attempt withdrawn, the job waits and says why, then runs."""
    async with running_world(tmp_path, burst(startup_s=1.0)) as world:
        launcher = world.launchers["cloud"]
        setattr(launcher, stage, "no capacity in this zone")
        await world.submit("j1")
        await world.until(lambda: [a.outcome for a in world.attempts("j1")] == ["withdrawn"])
        assert "no capacity in this zone" in world.attempts("j1")[0].message
        assert world.job("j1").status == "queued"
        assert launcher.folds == 1
        assert world.state("cloud").status == "down"
        await world.tick(6)
        assert world.job("j1").wait_reason == "pool_blocked"
        assert "could not be raised: no capacity in this zone" in world.job("j1").message
        setattr(launcher, stage, "")
        await world.until(lambda: bool(world.clusters["cloud"].runs))
        assert list(world.clusters["cloud"].runs) == ["j1-a2"]
        assert (world.state("cloud").failures, world.state("cloud").retry_at) == (0, None)


async def test_raise_backs_off(tmp_path: Path) -> None:
    """Each failure doubles the time to the next try, from ten seconds on."""
    async with running_world(tmp_path) as world:
        world.launchers["onprem"].fail_raise = "no"
        tries = []
        world.launchers["onprem"].when_called = lambda: tries.append(world.clock.now())
        await world.tick(80)
        gaps = [round(b - a) for a, b in pairwise(tries)]
        assert [least <= gap <= least + 2 for gap, least in zip(gaps, (10, 20, 40), strict=True)] == [True] * 3


async def test_idle_burst_pool_is_folded(tmp_path: Path) -> None:
    """A rented pool is folded once it has been idle for its idle timeout, and not while a job is on it."""
    async with running_world(tmp_path, burst(idle_timeout_s=20.0)) as world:
        await world.running("j1", "cloud")
        await world.tick(40)
        assert world.state("cloud").status == "up"
        world.clusters["cloud"].end("j1")
        await world.tick(15)
        assert world.state("cloud").status == "up"
        await world.tick(10)
        state = world.state("cloud")
        assert (state.status, state.lease_id, state.address, state.target) == ("down", None, None, "down")
        assert world.events("pool:cloud")[-2].startswith("fold: idle for 2")
        assert world.events("pool:cloud")[-1] == "down: the provider has no node of it left"


async def test_foreign_use_keeps_a_pool_up(tmp_path: Path) -> None:
    """Work that did not come through us is counted and never folded away."""
    async with running_world(tmp_path, burst(idle_timeout_s=10.0)) as world:
        await world.running("j1", "cloud")
        world.clusters["cloud"].use(None, 1, CPU=1)
        world.clusters["cloud"].end("j1")
        await world.tick(40)
        assert world.state("cloud").status == "up"
        world.clusters["cloud"].foreign.clear()
        await world.tick(20)
        assert world.state("cloud").status == "down"


async def test_job_that_comes_during_the_look_keeps_the_pool_up(tmp_path: Path) -> None:
    """A job that is handed over while an idle pool is being looked at does not find its pool folded under it."""
    async with running_world(tmp_path, burst(idle_timeout_s=10.0)) as world:
        cloud = world.clusters["cloud"]
        await world.running("j1", "cloud")
        cloud.end("j1")
        await world.tick(4)
        await hand_over_during_a_look(world)
        await world.tick(5)
        assert world.job("j2").status == "running"
        assert cloud.submits == ["j1", "j2"]
        assert world.launchers["cloud"].folds == 0


async def test_fold_that_finds_a_job_is_called_off(tmp_path: Path) -> None:
    """A pool that was to be folded as idle, and turns out to have a job, is up again; the launcher is not called."""
    async with running_world(tmp_path, burst()) as world:
        await world.running("j1", "cloud")
        world.store.save_pool(replace(world.state("cloud"), status=PoolStatus.FOLDING, idle_since=world.clock.now()))
        await world.tick(3)
        assert (world.state("cloud").status, world.state("cloud").idle_since) == ("up", None)
        assert world.launchers["cloud"].folds == 0
        assert world.job("j1").status == "running"


async def hand_over_during_a_look(world: World) -> None:
    """The pool's step has begun, and waits for its answer while a job comes, is placed, handed over and starts."""
    import asyncio

    core, cloud, answered = world.control.core, world.clusters["cloud"], asyncio.Event()
    observe = cloud.observe

    async def slow() -> object:
        await answered.wait()
        return await observe()

    cloud.observe = slow  # type: ignore[method-assign, assignment]
    world.clock.advance(10)
    step = asyncio.create_task(world.control.pools.step("cloud"))
    await asyncio.sleep(0.01)
    await world.submit("j2")
    await world.control.loop._passes.run()
    await world.control.loop._step_jobs()
    await world.control.loop._jobs.idle()
    cloud.run("j2")
    await world.control.loop._step_jobs()
    await world.control.loop._jobs.idle()
    assert core.store.job("j2").status == "running"  # type: ignore[union-attr]
    cloud.observe = observe  # type: ignore[method-assign]
    answered.set()
    await step


@pytest.mark.parametrize("way", ["error", "left"])
async def test_failed_fold_is_tried_again_and_says_so(tmp_path: Path, way: str) -> None:
    """A fold that fails, or leaves nodes behind, stays FOLDING with an alarm, and is tried until they are gone."""
    async with running_world(tmp_path, burst(idle_timeout_s=5.0)) as world:
        launcher, cloud = world.launchers["cloud"], world.clusters["cloud"]
        await world.running("j1", "cloud")
        launcher.fail_fold = "the provider is down" if way == "error" else ""
        launcher.left = [provider_node(cloud.nodes[1])] if way == "left" else []
        cloud.end("j1")
        await world.until(lambda: launcher.folds >= 3)
        state = world.state("cloud")
        assert state.status == "folding"
        assert state.message.startswith("NOT folded, nodes may still cost money; tried again until the provider says")
        assert state.message.endswith(
            "the provider is down" if way == "error" else "the provider still has i-cloud-rented-0"
        )
        assert len([t for t in world.events("pool:cloud") if t.startswith("NOT folded")]) == 1
        launcher.fail_fold, launcher.left = "", []
        await world.until(lambda: world.state("cloud").status == "down")
        assert "NOT folded" not in world.state("cloud").message


async def test_lease_is_renewed_while_the_pool_answers(tmp_path: Path) -> None:
    """A pool that is up has always at least half of its lease before it; one that does not answer gets no more."""
    async with running_world(tmp_path, burst(lease_s=100.0, unreachable_after_s=300.0)) as world:
        await world.running("j1", "cloud")
        lefts = []
        for _ in range(20):
            await world.tick(1, 10.0)
            lefts.append((world.state("cloud").lease_expires_at or 0) - world.clock.now())
        assert min(lefts) >= 40
        world.clusters["cloud"].up = False
        await world.tick(30, 10.0)
        assert (world.state("cloud").lease_expires_at or 0) < world.clock.now()


async def test_operator_folds_a_pool(tmp_path: Path) -> None:
    """An operator may fold an idle launched pool at once; nobody may fold one with live jobs, or an attached one."""
    async with running_world(tmp_path, burst(), attached(max_drivers=1)) as world:
        operators = world.control.operators
        await world.running("j1", "cloud", pools="cloud")
        with pytest.raises(BadRequest, match="Pool 'cloud' has 1 live jobs; stop them first"):
            await operators.fold(ROOT, "cloud")
        with pytest.raises(BadRequest, match="Pool 'dc' is attached"):
            await operators.fold(ROOT, "dc")
        with pytest.raises(Forbidden, match="Forbidden: this takes the role operator; yours is user"):
            await operators.fold(ALICE, "cloud")
        with pytest.raises(NotFound, match="There is no pool 'x'; there are cloud, dc"):
            await operators.fold(ROOT, "x")
        world.clusters["cloud"].end("j1")
        await world.tick()
        assert await operators.fold(ROOT, "cloud") == "Pool 'cloud' is being folded."
        await world.tick(4)
        assert world.state("cloud").status == "down"
        assert await operators.fold(ROOT, "cloud") == "Pool 'cloud' is down: nothing to fold."
        with pytest.raises(Forbidden):
            await operators.fence(BOB, "dc")


async def test_end_of_the_platform_folds_whatever_runs(tmp_path: Path) -> None:
    """`fold_for_good` takes a pool down with live jobs on it, and says which it cannot."""
    async with running_world(tmp_path, burst()) as world:
        await world.running("j1", "cloud")
        said: list[str] = []
        world.launchers["cloud"].fail_fold = "the provider is down"
        await world.control.pools.fold_for_good("cloud", said.append)
        assert len(said) == 4
        assert said[-1].endswith("the provider is down")
        assert world.state("cloud").status == "folding"
        world.launchers["cloud"].fail_fold = ""
        await world.control.pools.fold_for_good("cloud", said.append)
        assert world.state("cloud").status == "down"
