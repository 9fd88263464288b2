"""Coming home: a job that can resume is stopped where it runs and goes on elsewhere, once, whatever happens meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes import FINAL, Crash
from test_control_handover import CrashingStore
from world import OPAL, WORKER, World, attached, burst, make_pool, make_world, running_world

from spillover.adapters.sql_store import SqlStore
from spillover.control.outcome import outcome_of
from spillover.domain.decision import Decision, Verdict
from spillover.domain.job import Outcome
from spillover.domain.pool import PoolRole
from spillover.placement.moves import moves
from spillover.placement.policies import Policy, make_policy
from spillover.placement.snapshot import Snapshot
from spillover.ports import ClusterJob

pytestmark = pytest.mark.asyncio

WHY = "Comes home to onprem: 1x{CPU:2} is free there, which saves $4.10 less $0.20 for the move."


def send_home(snapshot: Snapshot, policy: Policy) -> Sequence[Decision]:
    """Whatever may be moved and is on the rented pool goes home while a whole owned node is free."""
    views = {view.pool.name: view for view in snapshot.pools}
    free = len(views["onprem"].nodes) - 1 - len(views["onprem"].work)
    movable = [work for work in views["cloud"].work if work.movable]
    return [
        Decision(work.submission_id, snapshot.at, Verdict.MOVE, WHY, "comes_home", policy.name, pool="onprem")
        for work in movable[: max(0, free)]
    ]


POOLS = (make_pool(), burst(idle_timeout_s=20.0))


async def away(world: World, submission_id: str = "j1", **said: str) -> None:
    """Two jobs fill the owned pool, and this one bursts and runs."""
    await world.running("h1", workers="1x{CPU:2}")
    await world.running("h2", workers="1x{CPU:2}")
    said = {"workers": "1x{CPU:2}", "resumable": "true", **said}
    await world.running(submission_id, "cloud", **said)


async def room(world: World) -> None:
    """One owned node comes free."""
    world.clusters["onprem"].end("h1")
    await world.until(lambda: world.job("h1").status == "succeeded")


async def test_a_job_comes_home_once(tmp_path: Path) -> None:
    """It is stopped, ends as moved, and its second attempt runs at home; the rented pool folds; nobody calls it lost."""
    async with running_world(tmp_path, *POOLS, moves=send_home) as world:
        await away(world)
        await room(world)
        await world.until(lambda: "j1-a2" in world.clusters["onprem"].runs)
        world.clusters["onprem"].run("j1-a2")
        await world.tick(3)
        first, second = world.attempts("j1")
        assert (first.outcome, first.message, first.pool) == (Outcome.MOVED, WHY, "cloud")
        assert (second.attempt_id, second.pool, world.job("j1").status) == ("j1-a2", "onprem", "running")
        assert world.clusters["cloud"].stops == ["j1"]
        assert (world.job("j1").move_to, world.job("j1").message) == (None, "Runs on pool onprem.")
        assert WHY in world.events("j1")
        verdicts = [(d.verdict, d.pool) for d in world.store.decisions("j1")]
        assert verdicts == [("take", "cloud"), ("move", "onprem"), ("take", "onprem")]
        world.clusters["onprem"].end("j1-a2")
        await world.until(lambda: world.state("cloud").status == "down", 60)
        assert world.job("j1").status == "succeeded"
        assert dict(world.audit.starts)["j1"] == 2


async def test_the_policy_marginal_brings_a_job_home(tmp_path: Path) -> None:
    """Placement's own decision leads to the move: with its dollars in the history, and not while there is no room."""
    marginal = make_policy("marginal", value_of_waiting=100)
    async with running_world(tmp_path, *POOLS, moves=moves, policy=marginal) as world:
        for name in ("h1", "h2"):
            await world.running(name, workers="1x{CPU:2}", runtime="1h")
        await world.running("j1", "cloud", workers="1x{CPU:2}", resumable="true", runtime="2d")
        await world.tick(12)
        assert world.job("j1").move_to is None, "home is full"
        await room(world)
        await world.until(lambda: "j1-a2" in world.clusters["onprem"].runs)
        [move] = [d for d in world.store.decisions("j1") if d.verdict == "move"]
        assert (move.reason, move.pool, move.policy, "$" in move.sentence) == ("comes_home", "onprem", "marginal", True)
        assert world.attempts("j1")[0].message == move.sentence


async def test_explain_says_why_it_moved(tmp_path: Path) -> None:
    """The decision, the attempt's outcome and the history carry the sentence with its dollars."""
    async with running_world(tmp_path, *POOLS, moves=send_home) as world:
        await away(world)
        await room(world)
        await world.until(lambda: len(world.attempts("j1")) == 2)
        told = await world.control.insight.explain(OPAL, "j1")
        assert [(d.verdict, d.sentence) for d in told.decisions][1] == ("move", WHY)
        assert (told.attempts[0].outcome, told.attempts[0].message) == ("moved", WHY)
        assert WHY in [event.text for event in told.events]


async def test_only_jobs_that_can_resume_are_moved(tmp_path: Path) -> None:
    """One that does not say so is not offered to placement, and stays where it is."""
    async with running_world(tmp_path, *POOLS, moves=send_home) as world:
        await away(world, resumable="false")
        await room(world)
        await world.tick(20)
        assert world.clusters["cloud"].stops == []
        assert world.job("j1").status == "running"


async def test_a_job_rests_between_moves(tmp_path: Path) -> None:
    """After a move the next one waits for the cooldown, whatever placement says."""

    def back_and_forth(snapshot: Snapshot, policy: Policy) -> Sequence[Decision]:
        places = {work.submission_id: view.pool.name for view in snapshot.pools for work in view.work if work.movable}
        other = {"onprem": "cloud", "cloud": "onprem"}
        return [
            Decision(name, snapshot.at, Verdict.MOVE, WHY, "comes_home", policy.name, pool=other[at])
            for name, at in places.items()
        ]

    async with running_world(tmp_path, *POOLS, moves=back_and_forth, move_cooldown_s=300.0) as world:
        await away(world)
        await room(world)
        await world.until(lambda: "j1-a2" in world.clusters["onprem"].runs)
        world.clusters["onprem"].run("j1-a2")
        moved_at = world.job("j1").moved_at or 0.0
        world.clock.advance(280.0)
        await world.until(lambda: len(world.attempts("j1")) == 3)
        assert world.clock.now() - moved_at >= 300.0
        assert world.attempts("j1")[1].outcome is Outcome.MOVED


async def test_room_at_home_is_kept(tmp_path: Path) -> None:
    """A job that is submitted while the other one stops does not get its room, however high it stands."""
    async with running_world(tmp_path, *POOLS, moves=send_home) as world:
        await away(world)
        cloud = world.clusters["cloud"]
        stop = cloud.stop

        async def slowly(attempt_id: str) -> None:
            """The pool is told, and takes its time."""
            cloud.stops.append(attempt_id)

        cloud.stop = slowly  # type: ignore[method-assign]
        await room(world)
        await world.until(lambda: bool(cloud.stops))
        assert world.job("j1").message == WHY
        await world.submit("late", workers="1x{CPU:2}", priority="high")
        await world.tick(8)
        assert world.attempts("late")[0].pool == "cloud"
        assert len(cloud.stops) > 1, "it is asked again until it ends"
        await stop("j1")
        await world.until(lambda: len(world.attempts("j1")) == 2)
        assert world.attempts("j1")[1].pool == "onprem"


async def test_kept_room_is_not_charged(tmp_path: Path) -> None:
    """Room that is kept shows to decisions alone: the meters see only who is there."""
    async with running_world(tmp_path, *POOLS, moves=send_home) as world:
        await away(world)
        world.clusters["cloud"].stop = _deaf  # type: ignore[method-assign]
        await room(world)
        await world.until(lambda: world.job("j1").move_to == "onprem")
        passes = world.control.loop._passes
        kept, plain = [(await passes.snapshot(kept_room=kept)).pools[0] for kept in (True, False)]
        assert [w.submission_id for w in kept.work] == ["h2", "j1"]
        assert [w.submission_id for w in plain.work] == ["h2"]


async def _deaf(attempt_id: str) -> None:
    """Nothing happens."""


async def test_room_that_is_gone_costs_a_wait_and_no_job(tmp_path: Path) -> None:
    """If others have taken the room at home, the job waits or bursts again by the policy, and ends."""
    async with running_world(tmp_path, *POOLS, moves=send_home) as world:
        await away(world)
        await world.tick(3)
        onprem, cloud = world.clusters["onprem"], world.clusters["cloud"]
        stop = cloud.stop

        async def meanwhile(attempt_id: str) -> None:
            onprem.use(None, 1, CPU=2)
            await world.control.pools.step("onprem")
            await stop(attempt_id)

        cloud.stop = meanwhile  # type: ignore[method-assign]
        await room(world)
        await world.until(lambda: "j1-a2" in cloud.runs)
        assert world.attempts("j1")[0].outcome is Outcome.MOVED
        assert (world.job("j1").move_to, world.job("j1").moved_at is not None) == (None, True)
        cloud.run("j1-a2")
        await world.tick(20)
        assert world.job("j1").status == "running", "it was moved just now"


async def test_a_users_stop_wins(tmp_path: Path) -> None:
    """A job that its user stops during a move is stopped, and does not start again."""
    async with running_world(tmp_path, *POOLS, moves=send_home) as world:
        await away(world)
        cloud = world.clusters["cloud"]
        stop = cloud.stop

        async def crossed(attempt_id: str) -> None:
            await world.control.service.stop(OPAL, attempt_id)
            await stop(attempt_id)

        cloud.stop = crossed  # type: ignore[method-assign]
        await room(world)
        await world.until(lambda: world.job("j1").status.final)
        await world.tick(10)
        assert (world.job("j1").status, world.job("j1").move_to) == ("stopped", None)
        assert [a.outcome for a in world.attempts("j1")] == [Outcome.STOPPED]


async def test_a_users_stop_wins_after_the_attempt_ended(tmp_path: Path) -> None:
    """Between the end of one attempt and the next, a stop ends the job in the queue."""
    async with running_world(tmp_path, *POOLS, moves=send_home) as world:
        await away(world)
        await room(world)
        await world.until(lambda: world.job("j1").move_to == "onprem")
        await world.control.loop._step_jobs()
        await world.control.loop.settle()
        await world.control.loop._step_jobs()
        await world.control.loop.settle()
        assert world.job("j1").status == "queued"
        await world.control.service.stop(OPAL, "j1")
        await world.tick(5)
        assert world.job("j1").status == "stopped"
        assert len(world.attempts("j1")) == 1


@pytest.mark.parametrize("end", ["SUCCEEDED", "FAILED"])
async def test_a_job_that_ends_by_itself_has_ended(tmp_path: Path, end: str) -> None:
    """If the job was done, or failed, before the stop reached it, that is its end."""
    async with running_world(tmp_path, *POOLS, moves=send_home) as world:
        await away(world)
        cloud = world.clusters["cloud"]

        async def too_late(attempt_id: str) -> None:
            cloud.end(attempt_id, end)

        cloud.stop = too_late  # type: ignore[method-assign]
        await room(world)
        await world.until(lambda: world.job("j1").status.final)
        await world.tick(10)
        assert (world.job("j1").status, len(world.attempts("j1"))) == (end.lower(), 1)
        assert world.job("j1").move_to is None


async def test_a_node_that_dies_during_a_move_is_a_loss(tmp_path: Path) -> None:
    """What the pool lost is lost: it counts, and the job runs again after its back-off."""
    async with running_world(tmp_path, *POOLS, moves=send_home) as world:
        await away(world)
        cloud = world.clusters["cloud"]

        async def dies(attempt_id: str) -> None:
            cloud.end(attempt_id, "FAILED", "JOB_SUPERVISOR_ACTOR_DIED", "The node died.")

        cloud.stop = dies  # type: ignore[method-assign]
        await room(world)
        await world.until(lambda: world.job("j1").status == "queued")
        job = world.job("j1")
        assert (world.attempts("j1")[0].outcome, job.move_to) == (Outcome.LOST, None)
        assert job.not_before > world.clock.now()
        await world.until(lambda: len(world.attempts("j1")) == 2)


async def test_a_pool_that_falls_silent_keeps_no_room(tmp_path: Path) -> None:
    """While the old pool does not answer nobody knows when the job comes: its room at home goes to others."""
    async with running_world(tmp_path, *POOLS, moves=send_home) as world:
        await away(world)
        cloud = world.clusters["cloud"]
        cloud.stop = _deaf  # type: ignore[method-assign]
        await room(world)
        await world.until(lambda: world.job("j1").move_to == "onprem")
        cloud.up = False
        await world.until(lambda: world.job("j1").status == "unreachable")
        await world.submit("other", workers="1x{CPU:2}")
        await world.until(lambda: bool(world.attempts("other")))
        assert world.attempts("other")[0].pool == "onprem"


async def test_a_move_that_did_not_begin_is_dropped(tmp_path: Path) -> None:
    """If nothing could be asked of the pool for a minute, as after an outage, the job stays where it is."""
    async with running_world(tmp_path, *POOLS, moves=send_home) as world:
        await away(world)
        await room(world)
        await world.control.loop._moving.look()
        assert (world.job("j1").move_to, world.clusters["cloud"].stops) == ("onprem", [])
        world.clock.advance(90.0)
        await world.restart()
        await world.tick(10)
        assert (world.job("j1").move_to, world.job("j1").status) == (None, "running")
        assert world.clusters["cloud"].stops == []
        assert "not moved after all: it could not be stopped on pool cloud in time" in world.events("j1")


async def test_a_job_makes_room_for_another(tmp_path: Path) -> None:
    """Stopped for one that waits, a job queues again behind it, although it was submitted first; both end."""

    def give_way(snapshot: Snapshot, policy: Policy) -> Sequence[Decision]:
        movable = [work.submission_id for view in snapshot.pools for work in view.work if work.movable]
        why = "Makes room for late, which would cost $9.00 to rent for: it can be stopped for $1.20."
        waiting = [job.submission_id for job in snapshot.jobs]
        return [Decision(n, snapshot.at, Verdict.MOVE, why, "makes_room", policy.name) for n in movable if waiting]

    pool = make_pool(node_types=(replace(WORKER, max_nodes=1),))
    async with running_world(tmp_path, pool, burst(), moves=give_way, policy=make_policy("never")) as world:
        onprem = world.clusters["onprem"]
        await world.running("early", workers="1x{CPU:2}", resumable="true", runtime="2h")
        await world.submit("late", workers="1x{CPU:2}")
        await world.until(lambda: world.job("early").move_to == "")
        [work] = (await world.control.loop._passes.snapshot()).pools[0].work
        assert work.ends_at - world.clock.now() <= 10.0, "its room is expected soon"
        await world.until(lambda: "late" in onprem.runs)
        onprem.run("late")
        await world.tick(20)
        assert (world.attempts("early")[0].outcome, world.job("early").status) == (Outcome.MOVED, "queued")
        onprem.end("late")
        await world.until(lambda: "early-a2" in onprem.runs)
        assert world.job("early").move_to is None


async def test_a_stop_that_meets_the_end_is_a_stop() -> None:
    """Ray takes a driver that ended in the moment of the stop for one that never started: it counts as stopped."""
    crossed = ClusterJob("FAILED", error_type="JOB_ENTRYPOINT_COMMAND_START_ERROR")
    assert outcome_of(crossed, stopped_while_it_ran=True) is Outcome.STOPPED
    assert outcome_of(crossed) is Outcome.FAILED
    assert outcome_of(replace(crossed, status="SUCCEEDED"), stopped_while_it_ran=True) is Outcome.SUCCEEDED


async def story(world: World) -> None:
    """Whatever is at home ends; the other one comes home and ends there."""
    for cluster in world.clusters.values():
        for run in list(cluster.runs.values()):
            if run.status == "PENDING":
                cluster.run(run.attempt_id, "working\n")
            elif run.status not in FINAL and (run.attempt_id == "j1-a2" or cluster.name == "onprem"):
                cluster.end(run.attempt_id)
    await world.tick()


@pytest.mark.parametrize("after", [False, True])
async def test_crash_at_any_write_of_a_move(tmp_path: Path, after: bool) -> None:  # noqa: FBT001
    """Wherever the process dies from the decision to the new start, the job is moved once and never runs twice."""
    one = (replace(WORKER, max_nodes=1),)
    pools = (attached("onprem", node_types=one), attached("cloud", role=PoolRole.BURST, node_types=one))
    reached = 0
    for at in range(1 + 2 * after, 80, 4):
        folder = tmp_path / str(at)
        folder.mkdir()
        world = make_world(folder, *pools, moves=send_home)
        world.start()
        await world.running("h1", workers="1x{CPU:2}")
        await world.running("j1", "cloud", workers="1x{CPU:2}", resumable="true")
        await room(world)
        crashing: list[CrashingStore] = []

        def wrap(store: SqlStore, at: int = at, crashing: list[CrashingStore] = crashing) -> Any:
            if crashing:
                return store
            crashing.append(CrashingStore(store, at, after=after))
            return crashing[0]

        world.wrap_store = wrap
        await world.restart()
        restarted = False
        for _ in range(30):
            if world.job("j1").status.final:
                break
            try:
                await story(world)
            except Crash:
                assert crashing[0].crashed
            if crashing[0].crashed and not restarted:
                restarted = True
                await world.restart()
        job = world.job("j1")
        assert (job.status, job.move_to) == ("succeeded", None), (at, job.message)
        assert [a.outcome for a in world.attempts("j1")] == [Outcome.MOVED, Outcome.SUCCEEDED], at
        assert world.audit.doubles == [], at
        await world.die()
        if not crashing[0].crashed:
            break
        reached = at
    assert 15 < reached < 76
