"""What the control plane learns of run times, from the store and from what happens."""

from __future__ import annotations

from pathlib import Path

import pytest
from world import ALICE, World, running_world

from spillover.domain.job import SubmitRequest
from spillover.placement.forecast import UNKNOWN

pytestmark = pytest.mark.asyncio

SAME = SubmitRequest("python same.py")


async def run_once(world: World, name: str, seconds: float) -> None:
    """One job of the same entrypoint, from its submission to its end."""
    await world.control.service.submit(ALICE, name, SAME)
    await world.until(lambda: name in world.clusters["onprem"].runs)
    world.clusters["onprem"].run(name)
    await world.until(lambda: world.job(name).status == "running")
    await world.tick(1, seconds)
    world.clusters["onprem"].end(name)
    await world.until(lambda: world.job(name).status == "succeeded")


async def test_what_was_learnt_outlives_a_restart(tmp_path: Path) -> None:
    """A server that starts anew recalls past runs from the store, before its first answer."""
    async with running_world(tmp_path) as world:
        await world.tick(2)
        for number in range(5):
            await run_once(world, f"j{number}", 300.0)
        before = await world.control.insight.quote(ALICE, SAME)
        await world.restart()
        after = await world.control.insight.quote(ALICE, SAME)
        assert before.runtime_source == after.runtime_source == "5 runs of its entrypoint"
        assert before.runs is not None
        assert after.runs is not None
        assert after.runs.median_s == pytest.approx(before.runs.median_s, rel=0.1)
        assert after.runs.high_s < 500


async def test_a_stopped_job_teaches_no_end(tmp_path: Path) -> None:
    """A job that its user stops after a second does not make others short."""
    async with running_world(tmp_path) as world:
        await world.running("j1")
        await world.control.service.stop(ALICE, "j1")
        await world.until(lambda: world.job("j1").status == "stopped")
        quote = await world.control.insight.quote(ALICE, SubmitRequest("python j1.py"))
        assert quote.runtime_source.startswith(UNKNOWN)
        assert quote.runtime_s == world.settings.default_runtime_s


async def test_work_that_is_overdue_is_expected_to_go_on(tmp_path: Path) -> None:
    """The longer a job has outlived what it was expected to take, the later it is expected to end."""
    async with running_world(tmp_path) as world:
        await world.running("big", workers="2x{CPU:2}", runtime="1min")
        left = []
        for _ in range(3):
            snapshot = await world.control.loop._passes.snapshot()
            (work,) = snapshot.pools[0].work
            left.append(work.ends_at - snapshot.at)
            await world.tick(1, 300.0)
        assert 30 < left[0] < 70
        assert left[0] < left[1] < left[2]


async def test_an_explanation_has_the_expected_run_time(tmp_path: Path) -> None:
    """While a job waits or runs, it says how long it is expected to run, with the interval; after its end no more."""
    async with running_world(tmp_path) as world:
        await world.running("j1", runtime="1h")
        runs = (await world.control.insight.explain(ALICE, "j1")).runs
        assert runs is not None
        assert (runs.mean_s, runs.source) == (3600, "the job's own hint")
        assert runs.low_s < runs.median_s < runs.high_s
        world.clusters["onprem"].end("j1")
        await world.until(lambda: world.job("j1").status == "succeeded")
        assert (await world.control.insight.explain(ALICE, "j1")).runs is None
