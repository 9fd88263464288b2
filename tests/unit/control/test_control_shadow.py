"""A policy in the shadow: it is asked, noted and shown, and never acts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from world import ALICE, BOB, EVA, World, burst, make_pool, running_world

from spillover.domain.answers import ShadowJob, ShadowReport
from spillover.domain.questions import ShadowQuery
from spillover.errors import BadRequest
from spillover.placement.policies import make_policy

pytestmark = pytest.mark.asyncio

POOLS = (make_pool(), burst())
NEVER, IMMEDIATE = make_policy("never"), make_policy("immediate")
LATE = make_policy("threshold", rules=[[1, 60]])


async def full(world: World) -> None:
    """Two jobs fill the owned pool for an hour."""
    for name in ("h1", "h2"):
        await world.running(name, workers="1x{CPU:2}", runtime="1h")


async def report(world: World, days: int = 7) -> ShadowReport:
    await world.control.loop.settle()
    return await world.control.insight.shadow(EVA, ShadowQuery(days))


async def shadow_of(world: World, name: str) -> ShadowJob | None:
    return (await world.control.insight.explain(EVA, name)).shadow


async def test_a_job_that_was_rented_for_would_have_waited(tmp_path: Path) -> None:
    """`keeps`: its price is what the shadow would have saved, and its wait is until owned room was expected."""
    async with running_world(tmp_path, *POOLS, policy=IMMEDIATE, shadow=NEVER) as world:
        await full(world)
        await world.submit("j1", workers="1x{CPU:2}", runtime="30min")
        await world.tick(3)
        [taken] = [d for d in world.store.decisions("j1") if d.verdict == "take"]
        [offer] = [o for o in taken.offers if o.chosen]
        seen = await report(world)
        assert seen.differences == {"rents": 0, "sooner": 0, "elsewhere": 0, "keeps": 1}
        assert seen.usd == pytest.approx(-(offer.cost_usd or 0.0))
        assert 3000 < seen.days[0].wait_s < 3600 - 180 + 60
        assert seen.mean_wait_s == pytest.approx(seen.days[0].wait_s / 2), "of the two that have started"
        assert "let 1 job wait that were rented for" in seen.sentence
        assert world.job("j1").status == "starting", "it was rented for all the same"
        explained = await shadow_of(world, "j1")
        assert explained is not None
        assert (explained.kind, explained.sentence[:17]) == ("keeps", "Waits for onprem:")


async def test_a_job_that_waits_would_have_been_rented_for(tmp_path: Path) -> None:
    """`rents`: noted once while it waits; when it starts at home, the wait that was spared is the real one."""
    async with running_world(tmp_path, *POOLS, policy=NEVER, shadow=IMMEDIATE, shadow_every_s=5.0) as world:
        await full(world)
        await world.submit("j1", workers="1x{CPU:2}", runtime="30min")
        await world.tick(20)
        [waiting] = (await report(world)).newest
        assert (waiting.kind, waiting.pool, world.job("j1").status) == ("rents", "cloud", "queued")
        assert waiting.usd > 0
        assert (waiting.wait_s or 0.0) < -3000
        assert world.clusters["cloud"].submits == [], "nothing was rented"
        world.clusters["onprem"].end("h1")
        await world.until(lambda: bool(world.attempts("j1")))
        await world.submit("j2", workers="1x{CPU:2}", runtime="30min")
        await world.tick(10)
        first = await shadow_of(world, "j1")
        assert first is not None
        assert (first.kind, first.usd) == ("rents", waiting.usd)
        began = world.attempts("j1")[0].committed_at
        assert first.wait_s == pytest.approx(waiting.at + 180 - began)


async def test_a_job_that_is_rented_for_later(tmp_path: Path) -> None:
    """`sooner`: the difference in dollars is that of the two offers, and the wait that between them."""
    async with running_world(tmp_path, *POOLS, policy=LATE, shadow=IMMEDIATE, shadow_every_s=1.0) as world:
        await full(world)
        await world.submit("j1", workers="1x{CPU:2}", runtime="30min")
        await world.until(lambda: bool(world.attempts("j1")), 80)
        await world.submit("j2", workers="1x{CPU:2}", runtime="30min")
        await world.tick(15)
        found = await shadow_of(world, "j1")
        assert found is not None
        assert (found.kind, found.usd) == ("sooner", pytest.approx(0.0))
        assert found.wait_s == pytest.approx(-60, abs=3)


async def test_the_same_policy_differs_in_nothing(tmp_path: Path) -> None:
    """The live policy in its own shadow would have done the same."""
    async with running_world(tmp_path, *POOLS, policy=IMMEDIATE, shadow=IMMEDIATE) as world:
        await full(world)
        await world.submit("j1", workers="1x{CPU:2}")
        await world.tick(15)
        seen = await report(world)
        assert (sum(seen.differences.values()), seen.newest, seen.usd) == (0, (), 0.0)
        assert seen.sentence.endswith("immediate would have done the same.")
        assert await shadow_of(world, "j1") is None


async def test_it_is_asked_no_more_often_than_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While nothing is rented, the shadow is asked once in `shadow_every`; with nobody in the queue, never."""
    asked: list[float] = []

    def judge(policy: object, job: object, context: object) -> object:
        asked.append(world.clock.now())
        return real(policy, job, context)

    real = type(IMMEDIATE).judge
    monkeypatch.setattr(type(IMMEDIATE), "judge", judge)
    async with running_world(tmp_path, *POOLS, policy=NEVER, shadow=IMMEDIATE, shadow_every_s=10.0) as world:
        await full(world)
        await world.tick(20)
        assert asked == []
        await world.submit("j1", workers="1x{CPU:2}", runtime="30min")
        await world.tick(31)
        assert len(asked) in {3, 4}


async def test_a_shadow_that_fails_stops_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An error of the shadow policy is logged, and the queue goes on."""
    broken = make_policy("immediate")
    object.__setattr__(broken, "judge", None)
    async with running_world(tmp_path, *POOLS, policy=IMMEDIATE, shadow=broken) as world:
        await full(world)
        await world.submit("j1", workers="1x{CPU:2}")
        await world.until(lambda: bool(world.attempts("j1")))
        await world.control.loop.settle()
        assert "the shadow policy could not be asked" in caplog.text


async def test_restarts_keep_what_was_noted_and_other_policies_begin_anew(tmp_path: Path) -> None:
    """A job that waits over a restart is not counted twice; differences of another policy, or settings, are dropped."""
    async with running_world(tmp_path, *POOLS, policy=NEVER, shadow=IMMEDIATE, shadow_every_s=1.0) as world:
        await full(world)
        await world.submit("j1", workers="1x{CPU:2}", runtime="30min")
        await world.tick(5)
        before = await report(world)
        await world.restart()
        await world.tick(15)
        after = await report(world)
        assert (after.since, after.newest) == (before.since, before.newest)
        world.shadow = make_policy("threshold", rules=[[1, 600]])
        await world.restart()
        await world.tick(5)
        fresh = await report(world)
        assert (fresh.newest, fresh.since > before.since) == ((), True)
        assert fresh.policy.startswith("threshold(rules=")


async def test_a_job_that_leaves_the_queue_is_settled(tmp_path: Path) -> None:
    """One that its user stops while it waits keeps what was expected of it, and is not waited for."""
    async with running_world(tmp_path, *POOLS, policy=NEVER, shadow=IMMEDIATE, shadow_every_s=1.0) as world:
        await full(world)
        for name in ("j1", "j2"):
            await world.submit(name, workers="1x{CPU:2}", runtime="30min")
        await world.tick(3)
        assert len(world.store.differences(unsettled=True)) == 2
        await world.control.service.stop(ALICE, "j1")
        await world.tick(15)
        await world.control.loop.settle()
        assert [d.submission_id for d in world.store.differences(unsettled=True)] == ["j2"]


async def test_users_see_their_own_teams_jobs(tmp_path: Path) -> None:
    """A user's report is about the team's jobs; without a shadow policy there is none."""
    async with running_world(tmp_path, *POOLS, policy=IMMEDIATE, shadow=NEVER) as world:
        await full(world)
        await world.submit("j1", workers="1x{CPU:2}")
        await world.tick(3)
        mine = await world.control.insight.shadow(ALICE, ShadowQuery())
        theirs = await world.control.insight.shadow(BOB, ShadowQuery())
        assert (mine.differences["keeps"], mine.started) == (1, 2)
        assert (theirs.differences["keeps"], theirs.started, theirs.newest) == (0, 0, ())
    folder = tmp_path / "none"
    folder.mkdir()
    async with running_world(folder) as world:
        with pytest.raises(BadRequest, match=r"No shadow policy is set. Name one in the settings, as `shadow_policy"):
            await world.control.insight.shadow(EVA, ShadowQuery())


async def test_old_differences_are_forgotten(tmp_path: Path) -> None:
    """After 30 days, or beyond so many, the oldest go."""
    async with running_world(tmp_path, *POOLS, policy=IMMEDIATE, shadow=NEVER) as world:
        await full(world)
        await world.submit("j1", workers="1x{CPU:2}")
        await world.tick(3)
        await world.control.loop.settle()
        [one] = world.store.differences()
        more = [replace(one, submission_id=f"x{n}", at=one.at + n) for n in range(5)]
        world.store.note_differences(more)
        world.store.forget_differences(one.at, 3)
        assert [d.submission_id for d in world.store.differences()] == ["x4", "x3", "x2", "x1"]
        world.store.forget_differences(one.at + 3, 100)
        assert [d.submission_id for d in world.store.differences()] == ["x4", "x3"]
