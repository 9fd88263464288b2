"""Lost or failed: what runs again, and what does not."""

from pathlib import Path

import pytest
from ray.dashboard.modules.job.common import JobErrorType
from world import World, running_world

from spillover.control.outcome import OUTCOME_OF_ERROR, outcome_of
from spillover.ports import ClusterJob

LOST = {
    "JOB_SUPERVISOR_ACTOR_START_TIMEOUT",
    "JOB_SUPERVISOR_ACTOR_START_FAILURE",
    "JOB_SUPERVISOR_ACTOR_UNSCHEDULABLE",
    "JOB_SUPERVISOR_ACTOR_UNKNOWN_FAILURE",
    "JOB_SUPERVISOR_ACTOR_DIED",
}


@pytest.mark.parametrize("error", [e.value for e in JobErrorType])
def test_each_of_rays_errors_is_read(error: str) -> None:
    """Every error type of the installed Ray is in the table: lost if the driver never had its chance, else failed."""
    assert error in OUTCOME_OF_ERROR
    assert outcome_of(ClusterJob("FAILED", error_type=error)) == ("lost" if error in LOST else "failed")


def test_error_that_ray_does_not_name_is_the_jobs_own() -> None:
    """A failure without a type, or of a later Ray's, is the job's own; the other two final words speak for themselves."""
    assert outcome_of(ClusterJob("FAILED", error_type="FROM_THE_FUTURE")) == "failed"
    assert outcome_of(ClusterJob("FAILED")) == "failed"
    assert outcome_of(ClusterJob("STOPPED")) == "stopped"
    assert outcome_of(ClusterJob("SUCCEEDED")) == "succeeded"


async def lose(world: World, attempt_id: str) -> None:
    """The attempt's driver dies with its node."""
    await world.until(lambda: attempt_id in world.clusters["onprem"].runs, 400)
    world.clusters["onprem"].run(attempt_id)
    await world.tick()
    world.clusters["onprem"].end(attempt_id, "FAILED", "JOB_SUPERVISOR_ACTOR_DIED", "The node died.")
    await world.tick()


@pytest.mark.asyncio
async def test_resumable_lost_job_runs_again(tmp_path: Path) -> None:
    """A lost resumable job waits for its back-off, and runs again as -a2 under the same submission id."""
    async with running_world(tmp_path) as world:
        await world.submit("j1", resumable="true")
        await lose(world, "j1")
        lost_at = world.clock.now() - 1
        job = world.job("j1")
        assert (job.status, job.not_before) == ("queued", lost_at + 5)
        await world.tick()
        assert world.job("j1").wait_reason == "backoff"
        assert len(world.attempts("j1")) == 1
        await world.until(lambda: "j1-a2" in world.clusters["onprem"].runs)
        assert world.clock.now() >= lost_at + 5
        world.clusters["onprem"].end("j1-a2")
        await world.tick()
        assert world.job("j1").status == "succeeded"
        assert [(a.attempt_id, a.number, a.outcome) for a in world.attempts("j1")] == [
            ("j1", 1, "lost"),
            ("j1-a2", 2, "succeeded"),
        ]


@pytest.mark.asyncio
async def test_lost_job_that_is_not_resumable_fails(tmp_path: Path) -> None:
    """A lost job that does not say that it is resumable becomes FAILED, with that reason and what was lost."""
    async with running_world(tmp_path) as world:
        await world.submit("j1")
        await lose(world, "j1")
        job = world.job("j1")
        assert job.status == "failed"
        assert job.message == (
            "Job was lost and is not marked spillover/resumable, so it is not run again. The node died."
        )
        assert job.error_type == "JOB_SUPERVISOR_ACTOR_DIED"
        await world.tick(20)
        assert world.clusters["onprem"].submits == ["j1"]


@pytest.mark.asyncio
async def test_failed_job_is_not_run_again(tmp_path: Path) -> None:
    """An entrypoint that ended with an error has failed, resumable or not."""
    async with running_world(tmp_path) as world:
        await world.running("j1", resumable="true")
        world.clusters["onprem"].end("j1", "FAILED", "JOB_ENTRYPOINT_COMMAND_ERROR", "exit code 1")
        await world.tick(10)
        job = world.job("j1")
        assert (job.status, job.message, job.exit_code) == ("failed", "exit code 1", 1)


@pytest.mark.asyncio
async def test_back_off_doubles_up_to_the_last_attempt(tmp_path: Path) -> None:
    """Each loss doubles the wait; after max_attempts losses the job is FAILED and says so."""
    async with running_world(tmp_path, max_attempts=3) as world:
        await world.submit("j1", resumable="true")
        waits = []
        for attempt_id in ("j1", "j1-a2", "j1-a3"):
            await lose(world, attempt_id)
            waits.append(world.job("j1").not_before - world.clock.now() + 1)
        assert waits[:2] == [5, 10]
        job = world.job("j1")
        assert job.status == "failed"
        assert job.message == "Job was lost 3 times, which is the setting max_attempts. The node died."


@pytest.mark.asyncio
async def test_attempts_that_never_ran_do_not_count_as_lost(tmp_path: Path) -> None:
    """An attempt that was withdrawn because no pool came up does not use up max_attempts."""
    from world import burst

    async with running_world(tmp_path, burst(), max_attempts=2) as world:
        launcher, cloud = world.launchers["cloud"], world.clusters["cloud"]
        launcher.fail_raise = "no capacity"
        await world.submit("j1", resumable="true")
        await world.until(lambda: len(world.attempts("j1")) == 3, 100)
        launcher.fail_raise = ""
        await world.until(lambda: bool(cloud.runs), 100)
        (first,) = cloud.runs
        cloud.end(first, "FAILED", "JOB_SUPERVISOR_ACTOR_DIED", "The node died.")
        await world.tick()
        assert world.job("j1").status == "queued"
        assert {a.outcome for a in world.attempts("j1")} == {"withdrawn", "lost"}


@pytest.mark.asyncio
async def test_pool_that_forgot_the_job_has_lost_it(tmp_path: Path) -> None:
    """A pool of the same session that no longer knows an attempt has lost it."""
    async with running_world(tmp_path) as world:
        await world.running("j1")
        world.clusters["onprem"].kill_all()
        await world.tick()
        assert world.job("j1").status == "failed"
        assert "Pool onprem no longer knows the job." in world.job("j1").message


@pytest.mark.asyncio
async def test_job_named_like_an_attempt_of_another(tmp_path: Path) -> None:
    """Two jobs `x` and `x-a2` both run, the second attempt of `x` under another id, and nobody else waits for it."""
    async with running_world(tmp_path) as world:
        await world.submit("x", resumable="true")
        await world.submit("x-a2")
        await lose(world, "x")
        await world.submit("other")
        await world.until(lambda: len(world.attempts("x")) == 2)
        await world.until(lambda: len(world.clusters["onprem"].runs) == 4)
        for run in ("x-a2", "x-a3", "other"):
            world.clusters["onprem"].end(run)
        await world.tick(2)
        assert [job.status for job in world.store.jobs()] == ["succeeded"] * 3
        assert [a.attempt_id for a in world.attempts("x")] == ["x", "x-a3"]


@pytest.mark.asyncio
async def test_id_of_an_attempt_is_taken(tmp_path: Path) -> None:
    """A pool may know the id of a later attempt: no new job may have it."""
    from spillover.errors import DuplicateJob

    async with running_world(tmp_path) as world:
        await world.submit("x", resumable="true")
        await lose(world, "x")
        await world.until(lambda: "x-a2" in world.clusters["onprem"].runs)
        with pytest.raises(DuplicateJob):
            await world.submit("x-a2")
