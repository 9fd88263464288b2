"""Jobs from submit to their end, on pools that behave."""

from pathlib import Path

import pytest
from world import ALICE, attached, burst, running_world

from spillover.errors import JobNotTerminal, NotFound

pytestmark = pytest.mark.asyncio


async def test_job_that_fits_runs_on_the_baseline(tmp_path: Path) -> None:
    """A job that fits runs on the baseline pool and ends SUCCEEDED, with its attempt."""
    async with running_world(tmp_path) as world:
        await world.running("j1")
        running = world.job("j1")
        assert (running.message, running.started_at is not None) == ("Runs on pool onprem.", True)
        world.clusters["onprem"].end("j1")
        await world.tick()
        job, attempt = world.job("j1"), world.attempts("j1")[0]
        assert (job.status, job.message, job.exit_code) == ("succeeded", "Job succeeded.", 0)
        assert (attempt.attempt_id, attempt.pool, attempt.status, attempt.outcome) == (
            "j1",
            "onprem",
            "ended",
            "succeeded",
        )
        assert job.ended_at == attempt.ended_at
        assert attempt.core_job_id == "01000000"


async def test_job_is_found_by_its_core_job_id(tmp_path: Path) -> None:
    """`pool:core_job_id` names a job too; an unknown name is not found."""
    async with running_world(tmp_path) as world:
        await world.running("j1")
        view = await world.control.service.get(ALICE, "onprem:01000000")
        assert (view.job.submission_id, view.attempt.number if view.attempt else 0) == ("j1", 1)
        for name in ("onprem:09000000", "j2"):
            with pytest.raises(NotFound, match=f"Job {name} does not exist"):
                await world.control.service.get(ALICE, name)


async def test_end_never_comes_before_start(tmp_path: Path) -> None:
    """A pool whose clock is behind ours does not give a job a negative run time."""
    async with running_world(tmp_path) as world:
        await world.running("j1")
        world.clusters["onprem"].end("j1")
        world.clusters["onprem"].runs["j1"].end_at = world.clock.now() - 30
        await world.tick()
        assert [run.run_s for run in world.store.past_runs(0.0, 5)] == [0.0]


# stop, in each state


async def test_stop_in_the_queue(tmp_path: Path) -> None:
    """A job that waits is stopped at once and never reaches a pool."""
    async with running_world(tmp_path) as world:
        await world.submit("j1")
        assert await world.control.service.stop(ALICE, "j1") is True
        assert world.job("j1").status == "queued"  # handlers set the target alone
        await world.tick()
        job = world.job("j1")
        assert (job.status, job.message) == ("stopped", "Job was stopped while it waited.")
        assert world.clusters["onprem"].submits == []
        assert await world.control.service.stop(ALICE, "j1") is False


async def test_stop_while_the_pool_is_being_raised(tmp_path: Path) -> None:
    """An attempt that is committed but not handed over ends STOPPED, and its pool never sees it."""
    async with running_world(tmp_path, burst()) as world:
        world.launchers["cloud"].fail_nodes = "the provider is down"
        await world.submit("j1")
        await world.until(lambda: len(world.attempts("j1")) > 0)
        assert world.attempts("j1")[0].status == "committed"
        await world.control.service.stop(ALICE, "j1")
        await world.tick()
        job = world.job("j1")
        assert (job.status, job.message) == ("stopped", "Job was stopped before it started.")
        assert world.attempts("j1")[0].outcome == "stopped"
        assert world.clusters["cloud"].submits == []


@pytest.mark.parametrize("runs", [False, True])
async def test_stop_on_the_pool(tmp_path: Path, runs: bool) -> None:  # noqa: FBT001
    """A job that was handed over, or runs, is stopped by its pool and ends with what the pool says."""
    async with running_world(tmp_path) as world:
        await world.submit("j1")
        await world.until(lambda: "j1" in world.clusters["onprem"].runs)
        if runs:
            world.clusters["onprem"].run("j1")
            await world.tick()
        await world.control.service.stop(ALICE, "j1")
        await world.tick(2)
        assert world.clusters["onprem"].stops == ["j1"]
        assert (world.job("j1").status, world.job("j1").message) == ("stopped", "Job stopped.")


async def test_stop_that_was_lost_is_sent_again(tmp_path: Path) -> None:
    """A stop that the pool did not hear is sent again every five seconds, not at every tick."""
    async with running_world(tmp_path) as world:
        await world.running("j1")
        stubborn = world.clusters["onprem"]

        async def ignore(attempt_id: str) -> None:
            stubborn.stops.append(attempt_id)

        stubborn.stop = ignore  # type: ignore[method-assign]
        await world.control.service.stop(ALICE, "j1")
        await world.tick(11)
        assert len(stubborn.stops) == 3


async def test_stop_while_unreachable(tmp_path: Path) -> None:
    """A job on a pool that does not answer stays UNREACHABLE, and is stopped once the pool answers."""
    async with running_world(tmp_path, attached()) as world:
        await world.running("j1", "dc")
        world.clusters["dc"].up = False
        await world.until(lambda: world.job("j1").status == "unreachable", 80)
        await world.control.service.stop(ALICE, "j1")
        await world.tick(5)
        assert world.job("j1").status == "unreachable"
        world.clusters["dc"].up = True
        await world.tick(5)
        assert world.job("j1").status == "stopped"
        assert world.clusters["dc"].stops == ["j1"]


async def test_stopped_job_that_is_lost_is_not_run_again(tmp_path: Path) -> None:
    """A resumable job that should stop and is lost meanwhile ends STOPPED."""
    async with running_world(tmp_path) as world:
        await world.running("j1", resumable="true")
        await world.control.service.stop(ALICE, "j1")
        world.clusters["onprem"].end("j1", "FAILED", "JOB_SUPERVISOR_ACTOR_DIED", "The node died.")
        await world.tick()
        assert (world.job("j1").status, world.job("j1").message) == ("stopped", "Job was stopped. The node died.")


# delete, limits


async def test_delete_only_when_final(tmp_path: Path) -> None:
    """A job that has not ended cannot be deleted; one that has is gone with its output, but not its ledger."""
    async with running_world(tmp_path) as world:
        await world.running("j1")
        with pytest.raises(
            JobNotTerminal, match=r"RuntimeError: .* job 'j1', but it is in a non-terminal state RUNNING"
        ):
            await world.control.service.delete(ALICE, "j1")
        world.clusters["onprem"].say("j1", "hello\n")
        world.clusters["onprem"].end("j1")
        await world.tick(15)
        assert await world.control.service.logs(ALICE, "j1") == "hello\n"
        await world.control.service.delete(ALICE, "j1")
        assert list(tmp_path.glob("logs/*")) == []
        assert await world.control.service.list(ALICE) == []
        assert world.store.decisions("j1") == []
        assert [row["nano_usd"] > 0 for row in world.store.spend(["job"]) if row["job"] == "j1"] == [True]
        with pytest.raises(NotFound):
            await world.control.service.delete(ALICE, "j1")


async def test_max_runtime_ends_the_job_failed(tmp_path: Path) -> None:
    """A job that runs longer than its spillover/max-runtime is stopped and FAILED, with the limit in its message."""
    async with running_world(tmp_path) as world:
        await world.running("j1", max_runtime="90s", resumable="true")
        await world.tick(85)
        assert world.job("j1").status == "running"
        await world.tick(10)
        assert world.clusters["onprem"].stops == ["j1"]
        job = world.job("j1")
        assert (job.status, job.message) == ("failed", "Job ran longer than its spillover/max-runtime of 1m30s.")


@pytest.mark.parametrize(("stop", "status"), [(False, "running"), (True, "stopped")])
async def test_overuse_is_told_or_stopped(tmp_path: Path, stop: bool, status: str) -> None:  # noqa: FBT001
    """A job seen to use more than it declared is warned of once; with on_overuse `stop` it is stopped."""
    async with running_world(tmp_path, stop_on_overuse=stop) as world:
        await world.running("j1")
        world.clusters["onprem"].use("j1", 1, CPU=1)
        await world.tick(4)
        assert world.job("j1").status == "running"
        world.clusters["onprem"].use("j1", 2, CPU=2)
        await world.tick(8)
        told = [text for text in world.events("j1") if "more than its declared" in text]
        assert [text.split(":")[0] for text in told] == ["uses {CPU"]
        assert told[0].startswith("uses {CPU:2} more than its declared 1x{CPU:1}")
        assert world.job("j1").status == status
        seen = world.store.observed_demand("search", "python j1.py")
        assert str(seen) == "1x{CPU:1} + 1x{CPU:2}"
