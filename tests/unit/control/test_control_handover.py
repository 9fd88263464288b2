"""Crashes, lost answers and claims: a job starts exactly once."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes import FINAL, LINGER_S, Crash
from world import World, attached, burst, make_world, running_world

from spillover.adapters.sql_store import SqlStore
from spillover.domain.job import Outcome, SubmitRequest
from spillover.domain.pool import PoolStatus
from spillover.errors import PoolRefused, StaleClaim
from spillover.ports import ClusterVersion

WRITES = ("add_decisions", "claim", "release", "update_job", "note_waits", "start_attempt", "update_attempt")
WRITES += ("save_pool", "record_spend", "record_observed", "set_target_stop", "drop_package")


class CrashingStore:
    """A store whose process dies at the n-th write, just before it or just after."""

    def __init__(self, store: SqlStore, at: int, *, after: bool) -> None:
        self._store = store
        self._left = at
        self._after = after
        self.crashed = False

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if name not in WRITES:
            return method

        def write(*args: Any) -> Any:
            if self.crashed:
                raise Crash
            self._left -= 1
            if self._left:
                return method(*args)
            self.crashed = True
            if self._after:
                method(*args)
            raise Crash

        return write


async def story(world: World) -> None:
    """Two jobs run and end; whenever one is on the pool, it makes progress."""
    cloud = world.clusters["cloud"]
    for run in list(cloud.runs.values()):
        if run.status == "PENDING":
            cloud.run(run.attempt_id, "working\n")
        elif run.status not in FINAL:
            cloud.end(run.attempt_id)
    await world.tick()


@pytest.mark.asyncio
@pytest.mark.parametrize("after", [False, True])
async def test_crash_at_any_write_loses_nothing(tmp_path: Path, after: bool) -> None:  # noqa: FBT001
    """Wherever the process dies, just before a write or just after, each accepted job still runs exactly once."""
    reached = 0
    for at in range(1 + 2 * after, 200, 4):
        folder = tmp_path / str(at)
        folder.mkdir()
        crashing: list[CrashingStore] = []

        def wrap(store: SqlStore, at: int = at, crashing: list[CrashingStore] = crashing) -> Any:
            if not crashing:
                crashing.append(CrashingStore(store, at, after=after))
                return crashing[0]
            return store

        world = make_world(folder, burst(idle_timeout_s=3.0), wrap_store=wrap)
        world.start()
        await world.submit("j1", workers="1x{CPU:4}")
        await world.submit("j2", resumable="true")
        restarted = False
        for _ in range(40):
            if world.state("cloud").status == "down" and all(job.status.final for job in world.store.jobs()):
                break
            try:
                await story(world)
            except Crash:
                assert crashing[0].crashed
            if crashing[0].crashed and not restarted:
                restarted = True
                await world.restart()
        jobs = world.store.jobs()
        assert [job.status for job in jobs] == ["succeeded", "succeeded"], (at, [job.message for job in jobs])
        assert (dict(world.audit.starts), world.audit.doubles) == ({"j1": 1, "j2": 1}, []), at
        assert world.state("cloud").status == "down"
        await world.die()
        if not crashing[0].crashed:
            break
        reached = at
    assert 20 < reached < 199


@pytest.mark.asyncio
async def test_answer_lost_after_the_pool_took_the_job(tmp_path: Path) -> None:
    """The pool took the job, its answer was lost and we died: handing over again finds it there, and it runs once."""
    async with running_world(tmp_path) as world:
        onprem = world.clusters["onprem"]
        await world.until(lambda: world.state().status == "up")
        onprem.lost_answers = 1
        await world.submit("j1")
        await world.until(lambda: "j1" in onprem.runs)
        attempt = world.attempts("j1")[0]
        assert (attempt.status, attempt.session_name) == ("committed", onprem.session)
        await world.restart()
        await world.tick(3)
        assert world.attempts("j1")[0].status == "handed"
        assert onprem.submits == ["j1", "j1"]
        assert dict(world.audit.starts) == {"j1": 1}


@pytest.mark.asyncio
async def test_request_that_was_lost_is_sent_again(tmp_path: Path) -> None:
    """A pool that never heard of the job gets it at the next step."""
    async with running_world(tmp_path) as world:
        world.clusters["onprem"].lost_requests = 2
        await world.submit("j1")
        await world.until(lambda: "j1" in world.clusters["onprem"].runs)
        await world.tick()
        assert world.attempts("j1")[0].status == "handed"


@pytest.mark.asyncio
async def test_pool_that_refuses_the_job_fails_it(tmp_path: Path) -> None:
    """What a pool refuses is FAILED with the pool's words, and not tried again."""
    async with running_world(tmp_path) as world:
        world.clusters["onprem"].refusal = "the pool refused the job: runtime_env is not valid"
        await world.submit("j1", resumable="true")
        await world.until(lambda: world.job("j1").status == "failed")
        assert world.job("j1").message == "the pool refused the job: runtime_env is not valid"
        assert world.attempts("j1")[0].outcome is Outcome.FAILED


@pytest.mark.asyncio
async def test_claim_of_another_blocks_a_step(tmp_path: Path) -> None:
    """While somebody else holds a job's row nothing moves it; when the claim has expired, it moves on."""
    async with running_world(tmp_path) as world:
        await world.running("j1")
        world.clusters["onprem"].end("j1")
        now = world.clock.now()
        assert world.store.claim("j1", "theirs", now, now + 30)
        assert not world.store.claim("j1", "mine", now, now + 30)
        await world.tick(20)
        assert world.job("j1").status == "running"
        await world.tick(15)
        assert world.job("j1").status == "succeeded"


@pytest.mark.asyncio
async def test_stale_token_changes_nothing(tmp_path: Path) -> None:
    """A write with a token that is no longer the row's raises StaleClaim, and none of its parts is written."""
    async with running_world(tmp_path) as world:
        attempt = await world.running("j1")
        store, job, now = world.store, world.job("j1"), world.clock.now()
        before = (world.job("j1"), world.attempts("j1"), world.events("j1"))
        store.claim("j1", "old", now, now + 1)
        store.claim("j1", "new", now + 2, now + 60)
        event = world.control.core.event("x", "j1", "must not be written")
        changed = replace(job, message="changed")
        with pytest.raises(StaleClaim):
            store.update_job(changed, "old", event)
        with pytest.raises(StaleClaim):
            store.update_attempt(replace(attempt, message="changed"), changed, "old", event)
        with pytest.raises(StaleClaim):
            store.start_attempt(changed, replace(attempt, attempt_id="j1-a2", number=2), "old", event)
        store.release("j1", "old")  # nor does it free the row
        assert not store.claim("j1", "third", now + 3, now + 60)
        assert (world.job("j1"), world.attempts("j1"), world.events("j1")) == before


@pytest.mark.asyncio
@pytest.mark.parametrize("lands_on", ["new", "old"])
async def test_head_restarts_while_a_job_is_handed_over(tmp_path: Path, lands_on: str) -> None:
    """A submit that crosses a restart is found on the new session if it landed there, else fenced; it never runs twice."""
    async with running_world(tmp_path, attached()) as world:
        await world.tick(2)
        dc = world.clusters["dc"]
        submit = dc.submit

        async def crossing(attempt_id: str, request: SubmitRequest) -> None:
            dc.submit = submit  # type: ignore[method-assign]
            if lands_on == "new":
                dc.restart()
            await submit(attempt_id, request)
            if lands_on == "old":
                dc.restart(linger_s=LINGER_S)

        dc.submit = crossing  # type: ignore[method-assign]
        await world.submit("j1", resumable="true")
        await world.tick(80)
        assert list(dc.runs) == (["j1"] if lands_on == "new" else ["j1-a2"])
        assert world.attempts("j1")[-1].session_name == dc.session
        assert world.attempts("j1")[-1].status == "handed"


@pytest.mark.asyncio
async def test_fold_that_begins_during_the_handover(tmp_path: Path) -> None:
    """A pool that begins to be folded just before the job is sent is not told of it; the job runs when it is up again."""
    async with running_world(tmp_path, burst(idle_timeout_s=5.0)) as world:
        cloud = world.clusters["cloud"]
        await world.running("j1", "cloud")
        cloud.end("j1")
        await world.tick(3)
        state = world.state("cloud")
        version = cloud.version

        async def meanwhile() -> ClusterVersion:
            cloud.version = version  # type: ignore[method-assign]
            world.store.save_pool(replace(world.state("cloud"), status=PoolStatus.FOLDING, idle_since=state.since))
            cloud.restart()
            return await version()

        cloud.version = meanwhile  # type: ignore[method-assign]
        await world.submit("j2")
        await world.until(lambda: "j2" in cloud.runs)
        assert cloud.submits == ["j1", "j2"]
        assert [a.outcome for a in world.attempts("j2")] == [None]


@pytest.mark.asyncio
async def test_refused_token_fails_no_job(tmp_path: Path) -> None:
    """A pool that refuses our token takes no job: what waits for it waits on, and says why."""
    async with running_world(tmp_path, attached()) as world:
        await world.tick(2)
        dc = world.clusters["dc"]

        async def refuse() -> ClusterVersion:
            raise PoolRefused("pool 'dc' refuses our token (HTTP 401)")

        dc.version, dc.observe = refuse, refuse  # type: ignore[method-assign, assignment]
        await world.submit("j1")
        await world.tick(40)
        assert world.attempts("j1")[-1].outcome == "withdrawn"
        assert world.attempts("j1")[-1].message == "Pool dc does not answer (pool 'dc' refuses our token (HTTP 401))."
        assert world.job("j1").message.startswith("Waits for dc: it does not answer")
