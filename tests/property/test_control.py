"""Promise 1, attacked: whatever happens in whatever order, no job is lost and none runs twice at once."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "control"))

from fakes import FINAL, LINGER_S, FakeCluster, provider_node
from world import ALICE, World, attached, burst, make_world

from spillover.domain.job import AttemptStatus

MAX_JOBS = 6
NAMES = ("dc", "cloud")


class Chaos:
    """What may happen to a world. Each event takes a number that picks its victim."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.submitted: list[str] = []
        self.stopped: set[str] = set()

    def cluster(self, n: int) -> FakeCluster:
        return self.world.clusters[NAMES[n % 2]]

    async def submit(self, n: int) -> None:
        if len(self.submitted) < MAX_JOBS:
            name = f"j{len(self.submitted)}"
            said = {"resumable": "true"} if n % 3 else {}
            await self.world.submit(name, workers="1x{CPU:2}", **said)
            self.submitted.append(name)

    async def tick(self, n: int) -> None:
        await self.world.tick(1 + n % 8)

    async def long_tick(self, n: int) -> None:
        await self.world.tick(3, 20.0 + n)

    async def progress(self, n: int) -> None:
        for cluster in self.world.clusters.values():
            for run in [r for r in cluster.runs.values() if r.status == "PENDING"]:
                cluster.run(run.attempt_id)

    async def finish(self, n: int) -> None:
        live = [(c, r) for c in self.world.clusters.values() for r in c.runs.values() if r.status not in FINAL]
        if live:
            cluster, run = live[n % len(live)]
            status, error = (
                ("SUCCEEDED", None),
                ("FAILED", "JOB_ENTRYPOINT_COMMAND_ERROR"),
                ("FAILED", "JOB_SUPERVISOR_ACTOR_DIED"),
            )[n % 3]
            cluster.end(run.attempt_id, status, error)

    async def stop(self, n: int) -> None:
        if self.submitted:
            name = self.submitted[n % len(self.submitted)]
            if await self.world.control.service.stop(ALICE, name):
                self.stopped.add(name)

    async def crash(self, n: int) -> None:
        """In the middle of a round."""
        self.world.control.core.wake.clear()
        rounds = asyncio.create_task(self.world.control.loop.tick())
        for _ in range(n * 3):
            await asyncio.sleep(0)
        rounds.cancel()
        await asyncio.gather(rounds, return_exceptions=True)
        await self.world.restart()

    async def silence(self, n: int) -> None:
        cluster = self.cluster(n)
        if cluster.name == "dc" or self.world.launchers["cloud"].alive:
            cluster.up = not cluster.up

    async def new_session(self, n: int) -> None:
        cluster = self.cluster(n)
        if cluster.up:
            cluster.restart(linger_s=LINGER_S)
        await self.world.tick(n)

    async def forget_answers(self, n: int) -> None:
        self.cluster(n).lost_answers = n % 3

    async def forget_requests(self, n: int) -> None:
        self.cluster(n).lost_requests = n % 3

    async def launcher(self, n: int) -> None:
        launcher = self.world.launchers["cloud"]
        launcher.fail_raise = "no capacity" if n % 4 == 1 else ""
        launcher.fail_fold = "provider down" if n % 4 == 2 else ""
        launcher.left = [provider_node(launcher.cluster.nodes[1])] if n % 4 == 3 else []

    def check(self) -> None:
        """What must hold after every event."""
        store = self.world.store
        jobs = {job.submission_id: job for job in store.jobs()}
        assert sorted(jobs) == sorted(self.submitted)
        for name, job in jobs.items():
            live = [a for a in store.attempts(name) if a.status is not AttemptStatus.ENDED]
            assert len(live) <= 1
            assert job.status.final == (job.ended_at is not None)
            assert not (job.status.final and live)
            assert job.message
        assert self.world.audit.doubles == []

    async def calm(self) -> None:
        """Everything works again, and whatever runs comes to its end."""
        for cluster in self.world.clusters.values():
            cluster.lost_answers = cluster.lost_requests = 0
        await self.launcher(0)
        self.world.clusters["dc"].up = True
        self.world.clusters["cloud"].up = self.world.launchers["cloud"].alive
        for _ in range(60):
            await self.world.tick(3, 10.0)
            self.check()
            if all(job.status.final for job in self.world.store.jobs()):
                return
            await self.progress(0)
            for cluster in self.world.clusters.values():
                for run in [r for r in cluster.runs.values() if r.status not in FINAL]:
                    cluster.end(run.attempt_id)
        raise AssertionError([(j.submission_id, j.status, j.message) for j in self.world.store.jobs()])


EVENTS: list[Callable[..., object]] = [
    *(Chaos.submit, Chaos.submit, Chaos.tick, Chaos.tick, Chaos.tick, Chaos.long_tick, Chaos.progress, Chaos.progress),
    *(Chaos.finish, Chaos.stop, Chaos.crash, Chaos.silence, Chaos.new_session, Chaos.forget_answers),
    *(Chaos.forget_requests, Chaos.launcher),
]
events = st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 20)), min_size=3, max_size=20)


async def live_through(folder: Path, happens: list[tuple[Callable[..., object], int]]) -> None:
    """Events, checks after each, and a quiet end."""
    pools = attached(max_drivers=2), burst(idle_timeout_s=10.0, unreachable_after_s=20.0)
    world = make_world(folder, *pools)
    world.start()
    chaos = Chaos(world)
    try:
        await world.tick(2)
        for n in (1, 2):
            await chaos.submit(n)  # resumable, one on each pool
        await world.tick(2)
        await chaos.progress(0)
        for event, n in happens:
            await event(chaos, n)  # type: ignore[misc]
            chaos.check()
        await chaos.calm()
    finally:
        await world.die()


@settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(happens=events)
def test_no_job_is_lost_and_none_runs_twice_at_once(happens: list[tuple[Callable[..., object], int]]) -> None:
    """After any sequence of submits, crashes, outages, restarts, failures and stops, every job ends exactly once."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(live_through(Path(folder), happens))
