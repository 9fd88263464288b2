"""What requests came to is summed as asked, and each has its share of what the replicas cost."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1]))

from world import ALICE, BOB, EVA, OPAL, World, make_pool, running_world

from spillover.control.serving.usage import grouped, shares
from spillover.domain.access import Caller
from spillover.domain.answers import UsageReport, UsageRow
from spillover.domain.job import Hints, Job, SubmitRequest
from spillover.domain.money import NANOS, EntryKind, LedgerEntry, midnight
from spillover.domain.pool import PoolRole
from spillover.domain.questions import UsageQuery
from spillover.domain.resources import Demand
from spillover.domain.serving import Application, ServeTerms, Usage
from spillover.errors import BadRequest
from spillover.ports import Event

DAY = "2026-10-01"
CHAT = Application("chat", "alice", "search", "/chat", {}, ServeTerms(), 1.0)
USED = Usage(DAY, "chat", "k1", "acme", "onprem", 10, 1, 100, 200, 30.0)


def spent(submission_id: str, usd: float, pool: str = "onprem") -> LedgerEntry:
    from datetime import date

    at = midnight(date.fromisoformat(DAY))
    return LedgerEntry(
        pool=pool, node_id="n", node_type="worker", market="owned", start=at, end=at + 60, kind=EntryKind.JOB,
        nano_usd=round(usd * NANOS), node_s=60.0, submission_id=submission_id, team="search", user="alice",
    )  # fmt: skip


def add_replica(world: World, submission_id: str, application: Application | None = CHAT) -> None:
    said = application.request(PoolRole.BASELINE) if application else None
    request = SubmitRequest("serve", application=said)
    job = Job(submission_id, request, "alice", "search", 0, Demand(), "", Hints(), 1.0)
    world.store.add_job(job, Event(1.0, "x", submission_id, "made"))


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Two replicas of chat cost $3 on onprem, a third $1 where nobody called it; a plain job's cost is no replica's."""
    async with running_world(tmp_path, make_pool()) as opened:
        opened.store.save_applications([CHAT])
        for name in ("serve-chat-1", "serve-chat-2", "serve-chat-3"):
            add_replica(opened, name)
        add_replica(opened, "serve-not-an-application", None)
        costs = [spent("serve-chat-1", 1.0), spent("serve-chat-2", 2.0), spent("serve-chat-3", 1.0, "cloud")]
        opened.store.record_spend([], [*costs, spent("serve-not-an-application", 50.0)])
        others = [
            replace(USED, key_id="k2", tenant="search", busy_s=10.0),
            replace(USED, pool="", busy_s=0.0, errors=10),
        ]
        opened.store.add_usage([USED, *others], "m")
        yield opened


async def report(world: World, caller: Caller = OPAL, **query: Any) -> UsageReport:
    return await world.control.keys.usage(caller, UsageQuery(**query))


@pytest.mark.asyncio
async def test_costs_are_shared_by_busy_time(world: World) -> None:
    """A tenant whose requests kept replicas busy for 30 of 40 seconds pays three quarters; refused ones cost nothing."""
    found = await report(world, by=("tenant", "pool"))
    assert found.rows == (
        UsageRow(10, 10, 100, 200, 0.0, 0.0, tenant="acme", pool=""),
        UsageRow(10, 1, 100, 200, 30.0, pytest.approx(2.25), tenant="acme", pool="onprem"),
        UsageRow(10, 1, 100, 200, 10.0, pytest.approx(0.75), tenant="search", pool="onprem"),
    )
    assert (found.total_usd, found.unused_usd) == (pytest.approx(3.0), pytest.approx(1.0))


@pytest.mark.asyncio
async def test_without_columns_there_is_one_sum(world: World) -> None:
    """Everything together."""
    (row,) = (await report(world)).rows
    assert (row.requests, row.errors, row.usd) == (30, 12, pytest.approx(3.0))


@pytest.mark.asyncio
async def test_days_limit_requests_and_costs(world: World) -> None:
    """The day `until` is not counted; days that end before they begin are refused."""
    assert (await report(world, until=DAY)).rows == ()
    assert (await report(world, since="2026-10-02")).unused_usd == 0.0
    assert (await report(world, since=DAY, until="2026-10-02")).total_usd == pytest.approx(3.0)
    with pytest.raises(BadRequest, match="is not before until"):
        await report(world, since=DAY, until=DAY)


@pytest.mark.asyncio
async def test_each_sees_what_concerns_the_own_team(world: World) -> None:
    """All requests to its applications, and those that it made as a tenant; the shares are of the whole all the same."""
    world.store.save_applications([replace(CHAT, user="bob", team="ads")])
    mine = await report(world, ALICE, by=("tenant",))
    assert [(row.tenant, row.usd) for row in mine.rows] == [("search", pytest.approx(0.75))]
    assert mine.unused_usd is None
    assert [row.tenant for row in (await report(world, BOB, by=("tenant",))).rows] == ["acme", "search"]
    assert (await report(world, EVA)).unused_usd == pytest.approx(1.0)
    assert [row.tenant for row in (await report(world, OPAL, by=("tenant",), tenant="acme")).rows] == ["acme"]


@pytest.mark.asyncio
async def test_costs_of_deleted_replicas_are_not_lost(world: World) -> None:
    """Of a deleted job its id is left, which begins with the application's name."""
    from sqlalchemy import update

    from spillover.adapters.sql_tables import jobs

    with world.store._write() as db:
        db.execute(update(jobs).where(jobs.c.submission_id == "serve-chat-1").values(deleted=True, request="{}"))
    assert (await report(world)).total_usd == pytest.approx(3.0)


PARTS = st.builds(
    Usage,
    day=st.sampled_from(["2026-10-01", "2026-10-02"]), application=st.sampled_from("ab"), key_id=st.sampled_from("xyz"),
    tenant=st.sampled_from("tu"), pool=st.sampled_from(["onprem", "cloud"]), requests=st.integers(1, 9),
    errors=st.integers(0, 9), tokens_in=st.integers(0, 9), tokens_out=st.integers(0, 9), busy_s=st.floats(0.001, 1e4),
)  # fmt: skip
PLACES = st.tuples(st.sampled_from("ab"), st.sampled_from(["onprem", "cloud"]), st.sampled_from(["2026-10-01"]))


@given(st.lists(PARTS, max_size=12), st.dictionaries(PLACES, st.integers(0, 10**12)))
def test_shares_add_up_to_what_was_used(usage: list[Usage], costs: dict[tuple[str, str, str], int]) -> None:
    """Where there was any request the whole cost is shared out, and however it is grouped, nothing is lost."""
    called = {(u.application, u.pool, u.day) for u in usage}
    whole = sum(cost for place, cost in costs.items() if place in called) / NANOS
    priced = shares(usage, costs)
    assert sum(usd for _, usd in priced) == pytest.approx(whole)
    for by in ((), ("tenant",), ("day", "key", "application")):
        rows = grouped(priced, by)
        assert sum(row.usd for row in rows) == pytest.approx(whole)
        assert sum(row.requests for row in rows) == sum(u.requests for u in usage)
