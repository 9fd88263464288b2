"""Who may see, stop and delete what."""

from __future__ import annotations

from pathlib import Path

import pytest
from world import ALICE, AMY, BOB, EVA, OPAL, ROOT, VIC, attached, running_world

from spillover.domain.access import Caller
from spillover.domain.job import SubmitRequest
from spillover.domain.questions import CostQuery, EventQuery, QueueQuery
from spillover.errors import BadRequest, Forbidden, NotFound

pytestmark = pytest.mark.asyncio

EVERYBODY = (ALICE, AMY, BOB, VIC, EVA, OPAL, ROOT)
SEE_ALICES = (ALICE, AMY, VIC, EVA, OPAL, ROOT)
COMMAND_ALICES = (ALICE, OPAL, ROOT)


async def test_a_job_is_shown_to_its_team_and_to_operators(tmp_path: Path) -> None:
    """Status, list, logs, followed logs and explanation are for the team, viewers of it or of all, and operators."""
    async with running_world(tmp_path) as world:
        await world.running("j1")
        service, insight = world.control.service, world.control.insight
        for caller in EVERYBODY:
            seen = caller in SEE_ALICES
            assert ([view.job.submission_id for view in await service.list(caller)] == ["j1"]) == seen
            for look in (service.get, service.logs, insight.explain, first_line):
                ask = look(world, caller, "j1") if look is first_line else look(caller, "j1")
                if seen:
                    await ask
                else:
                    with pytest.raises(Forbidden, match=r"job j1 is team 'search's; this token is bob's, a user of"):
                        await ask


async def first_line(world: object, caller: Caller, submission_id: str) -> str | None:
    """What a follower of the logs gets first; None: it was let in, and nothing was said."""
    lines = world.control.service.tail(caller, submission_id)  # type: ignore[attr-defined]
    try:
        return await anext(lines)
    finally:
        await lines.aclose()


async def test_a_job_is_stopped_and_deleted_by_its_owner_and_by_operators(tmp_path: Path) -> None:
    """Others of the team may look and not touch; the refusal says whose job it is and who may."""
    async with running_world(tmp_path) as world:
        for number, caller in enumerate(EVERYBODY):
            name = await world.submit(f"j{number}")
            service = world.control.service
            if caller in COMMAND_ALICES:
                assert await service.stop(caller, name)
                await world.until(lambda name=name: world.job(name).status == "stopped")
                assert await service.delete(caller, name)
                continue
            with pytest.raises(Forbidden):
                await service.stop(caller, name)
            with pytest.raises(Forbidden):
                await service.delete(caller, name)
        with pytest.raises(
            Forbidden, match=r"job j1 is alice's; this token is amy's, .* alice and operators may stop it"
        ):
            await world.control.service.stop(AMY, "j1")


async def test_owners_keep_their_jobs_when_they_change_teams(tmp_path: Path) -> None:
    """A user sees and stops a job of their own, whichever team it was submitted for."""
    async with running_world(tmp_path) as world:
        await world.submit("j1", caller=ROOT, team="ads")
        moved = Caller("root", "search")
        assert (await world.control.service.get(moved, "j1")).job.team == "ads"
        assert await world.control.service.stop(moved, "j1")


async def test_viewers_submit_nothing(tmp_path: Path) -> None:
    """A viewer's submit, upload and quote are refused with what to ask for."""
    async with running_world(tmp_path) as world:
        service = world.control.service
        request = SubmitRequest("python x.py")
        for caller in (VIC, EVA):
            for ask in (
                service.submit(caller, None, request),
                service.package_exists(caller, "gcs://_ray_pkg_1.zip"),
                world.control.insight.quote(caller, request),
            ):
                with pytest.raises(
                    Forbidden, match=r"which looks and does not submit\. Ask for one of the role 'user'"
                ):
                    await ask


async def test_the_queue_is_everybodys(tmp_path: Path) -> None:
    """One's place depends on the others, so all of them are shown to all."""
    async with running_world(tmp_path) as world:
        await world.submit("j1")
        for caller in EVERYBODY:
            (entry,) = (await world.control.insight.queue(caller, QueueQuery())).items
            assert (entry.submission_id, entry.place) == ("j1", 1)


async def test_history_is_shown_within_what_one_may_see(tmp_path: Path) -> None:
    """Pools' history is everybody's, a job's is for those who see the job, and tokens' is for operators."""
    async with running_world(tmp_path) as world:
        await world.submit("mine")
        await world.submit("theirs", caller=BOB)
        await world.tick(3)
        world.store.add_event(world.control.core.event("root", "token:ab12", "token made"))
        for caller, shown in (
            (ALICE, {"mine", "pool:onprem"}),
            (BOB, {"theirs", "pool:onprem"}),
            (EVA, {"mine", "theirs", "pool:onprem", "token:ab12"}),
            (OPAL, {"mine", "theirs", "pool:onprem", "token:ab12"}),
        ):
            events = (await world.control.insight.events(caller, EventQuery())).items
            assert {event.subject for event in events} == shown


async def test_history_is_filtered_and_paged(tmp_path: Path) -> None:
    """Pages of the history follow one another, newest first, within subject, actor and time."""
    async with running_world(tmp_path) as world:
        for number in range(5):
            world.store.add_event(world.control.core.event(f"u{number % 2}", "pool:onprem", f"{number}"))
            world.clock.advance(10)
        ask, texts, after = world.control.insight.events, [], None
        while True:
            page = await ask(ROOT, EventQuery(subject="onprem", limit=2, after=after))
            texts += [event.text for event in page.items]
            after = page.next
            if after is None:
                break
        assert texts == ["4", "3", "2", "1", "0"]
        assert [e.text for e in (await ask(ROOT, EventQuery(actor="u1"))).items] == ["3", "1"]
        since = world.clock.now() - 25
        assert [e.text for e in (await ask(ROOT, EventQuery(since=since))).items] == ["4", "3"]
        with pytest.raises(BadRequest, match="after '-1' is no page's 'next'"):
            await ask(ROOT, EventQuery(after="-1"))


async def test_the_bill_is_shown_within_what_one_may_see(tmp_path: Path) -> None:
    """Users get what their own team's jobs cost; operators and viewers of all get everything, idle time included."""
    async with running_world(tmp_path) as world:
        await world.running("mine")
        await world.running("theirs", caller=BOB)
        await world.tick(20)
        await world.control.loop.meter_now()
        ask = world.control.insight.cost
        mine = await ask(ALICE, CostQuery(by=("team", "job")))
        assert {(row.team, row.job, row.kind) for row in mine.rows} == {("search", "mine", "job")}
        assert (mine.team, mine.node_total_usd) == ("search", None)
        whole = await ask(EVA, CostQuery(by=("team",)))
        assert {row.team for row in whole.rows} >= {"search", "ads", None}
        assert whole.total_usd == pytest.approx(whole.node_total_usd)
        assert (await ask(ROOT, CostQuery(team="ads"))).total_usd == (await ask(BOB, CostQuery())).total_usd
        with pytest.raises(Forbidden, match="your token is of team 'search': what 'ads' spends is not shown"):
            await ask(ALICE, CostQuery(team="ads"))
        with pytest.raises(Forbidden, match="a comparison is about all teams' jobs"):
            await ask(ALICE, CostQuery(compare=True))


async def test_a_bill_is_of_whole_days(tmp_path: Path) -> None:
    """Days are checked, and a comparison gets the jobs and the spend of just these days."""
    async with running_world(tmp_path, attached()) as world:
        await world.running("j1", "dc")
        world.clusters["dc"].end("j1")
        await world.until(lambda: world.job("j1").status == "succeeded")
        await world.control.loop.meter_now()
        ask = world.control.insight.cost
        whole = await ask(ROOT, CostQuery(compare=True))
        assert whole.compared is not None
        assert (whole.compared[0].jobs, whole.compared[0].total_usd) == (1, pytest.approx(whole.total_usd))
        empty = await ask(ROOT, CostQuery(since="2001-01-01", until="2001-01-02", compare=True))
        assert empty.compared is not None
        assert (empty.total_usd, empty.compared[0].jobs) == (0, 0)
        with pytest.raises(BadRequest, match="since 'monday' is no day; write it as 2026-12-01"):
            await ask(ROOT, CostQuery(since="monday"))
        with pytest.raises(BadRequest, match="since 2026-12-02 is not before until 2026-12-02"):
            await ask(ROOT, CostQuery(since="2026-12-02", until="2026-12-02"))


async def test_an_unknown_job_is_not_found_by_anybody(tmp_path: Path) -> None:
    """What does not exist is said not to exist, before whose it might be."""
    async with running_world(tmp_path) as world:
        for caller in EVERYBODY:
            with pytest.raises(NotFound, match="Job nope does not exist"):
                await world.control.service.get(caller, "nope")
