"""Output: kept as it comes, whole at the end, and shown with the reasons while a job waits."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from world import ALICE, World, running_world, spin

from spillover.errors import NotFound, PoolUnreachable

pytestmark = pytest.mark.asyncio


@asynccontextmanager
async def tailing(world: World, submission_id: str) -> AsyncIterator[list[str]]:
    """What `logs -f` has shown so far, while it is being followed."""
    pieces: list[str] = []

    async def follow() -> None:
        async for text in world.control.service.tail(ALICE, submission_id):
            pieces.append(text)  # noqa: PERF401  # the list is looked at meanwhile

    world.clock.flows = False
    task = asyncio.create_task(follow())
    try:
        yield pieces
        async with asyncio.timeout(10):
            await task
    finally:
        task.cancel()


async def kept(world: World, submission_id: str, text: str) -> None:
    """Wait until this much is kept of the job's output."""
    async with asyncio.timeout(10):
        while await world.control.service.logs(ALICE, submission_id) != text:
            await asyncio.sleep(0)


async def test_output_is_kept_as_it_comes_and_outlives_the_pool(tmp_path: Path) -> None:
    """Output is in our files while the job runs, and still there when the cluster is gone."""
    async with running_world(tmp_path) as world:
        await world.running("j1")
        world.clusters["onprem"].say("j1", "one\n")
        await kept(world, "j1", "one\n")
        world.clusters["onprem"].say("j1", "two\n")
        world.clusters["onprem"].end("j1")
        await world.tick()
        world.clusters["onprem"].kill_all()
        assert await world.control.service.logs(ALICE, "j1") == "one\ntwo\n"
        assert world.attempts("j1")[0].log_whole


async def test_output_kept_before_a_restart_is_skipped(tmp_path: Path) -> None:
    """A pool sends the output from its beginning: after a restart of ours nothing is kept twice, and nothing is missed."""
    async with running_world(tmp_path) as world:
        await world.running("j1")
        world.clusters["onprem"].say("j1", "zwölf\n")
        await kept(world, "j1", "zwölf\n")
        await world.restart()
        world.clusters["onprem"].say("j1", "dreizehn\n")
        await world.tick(2)
        await kept(world, "j1", "zwölf\ndreizehn\n")


async def test_broken_stream_is_followed_again(tmp_path: Path) -> None:
    """A log stream that breaks is taken up where it broke."""
    async with running_world(tmp_path) as world:
        await world.running("j1")
        onprem = world.clusters["onprem"]
        onprem.say("j1", "one\n")
        await kept(world, "j1", "one\n")
        onprem.up = False
        onprem.say("j1", "two\n")
        await asyncio.sleep(0)
        onprem.up = True
        await world.tick(2)
        await kept(world, "j1", "one\ntwo\n")


async def test_output_is_whole_at_the_end(tmp_path: Path) -> None:
    """What the stream missed is fetched when the job ends, and a job whose output cannot be had yet has not ended yet."""
    async with running_world(tmp_path) as world:
        await world.running("j1")
        onprem = world.clusters["onprem"]
        logs = onprem.logs

        async def not_now(attempt_id: str) -> str:
            onprem.up = False
            try:
                return await logs(attempt_id)
            finally:
                onprem.up = True

        onprem.logs = not_now  # type: ignore[method-assign]
        onprem.say("j1", "the end\n")
        onprem.end("j1")
        await world.tick(3)
        assert world.job("j1").status == "running"
        onprem.logs = logs  # type: ignore[method-assign]
        await world.tick()
        assert world.job("j1").status == "succeeded"
        assert await world.control.service.logs(ALICE, "j1") == "the end\n"
        assert world.attempts("j1")[0].log_whole


async def test_output_that_never_comes_does_not_hold_up_the_job_for_ever(tmp_path: Path) -> None:
    """After a minute a job ends without its last output, and the attempt says so."""
    async with running_world(tmp_path) as world:
        await world.running("j1")
        onprem = world.clusters["onprem"]
        onprem.end("j1")
        onprem.runs["j1"].output = "never seen"

        async def never(attempt_id: str) -> str:
            raise PoolUnreachable("the log file's node is gone")

        onprem.logs = never  # type: ignore[method-assign]
        await world.tick(70)
        assert world.job("j1").status == "succeeded"
        assert not world.attempts("j1")[0].log_whole


async def test_tail_shows_reasons_then_output(tmp_path: Path) -> None:
    """While a job waits each reason is shown once, then why it was placed, then its own output; it ends with the job."""
    async with running_world(tmp_path) as world:
        onprem = world.clusters["onprem"]
        await world.running("big", workers="2x{CPU:2}", runtime="1h")
        await world.submit("j1")
        async with tailing(world, "j1") as pieces:
            await world.tick(3)
            await spin(lambda: len(pieces) == 1)
            assert pieces[0].startswith("[spillover] Waits for onprem: ")
            onprem.end("big")
            await world.until(lambda: "j1" in onprem.runs)
            onprem.run("j1", "hello\n")
            await world.tick()
            await spin(lambda: "hello\n" in pieces)
            onprem.say("j1", "world\n")
            onprem.end("j1")
            await world.tick(2)
        text = "".join(pieces)
        assert text.splitlines()[1].startswith("[spillover] Runs on onprem now: 1x{CPU:1} is free there")
        assert text.endswith("hello\nworld\n")
        assert await world.control.service.logs(ALICE, "j1") == "hello\nworld\n"


async def test_tail_of_several_attempts(tmp_path: Path) -> None:
    """Each attempt's output follows the line that says why it was placed."""
    async with running_world(tmp_path) as world:
        onprem = world.clusters["onprem"]
        await world.running("j1", resumable="true")
        onprem.say("j1", "first\n")
        onprem.end("j1", "FAILED", "JOB_SUPERVISOR_ACTOR_DIED", "The node died.")
        await world.until(lambda: "j1-a2" in onprem.runs)
        onprem.run("j1-a2", "second\n")
        onprem.end("j1-a2")
        await world.tick(2)
        async with tailing(world, "j1") as pieces:
            pass
        lines = "".join(pieces).splitlines()
        assert [line.split(":")[0] for line in lines] == [
            "[spillover] Attempt 1",
            "first",
            "[spillover] Attempt 2",
            "second",
        ]
        assert await world.control.service.logs(ALICE, "j1") == "first\nsecond\n"


async def test_tail_of_a_job_stopped_in_the_queue_ends(tmp_path: Path) -> None:
    """Following a job that never ran ends when it is stopped."""
    async with running_world(tmp_path) as world:
        await world.submit("j1")
        await world.control.service.stop(ALICE, "j1")
        await world.tick()
        async with tailing(world, "j1") as pieces:
            pass
        assert pieces == []
        with pytest.raises(NotFound):
            async with tailing(world, "j2"):
                pass
