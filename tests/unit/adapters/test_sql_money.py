"""Meters, entries and past jobs come back from the store, by column, day and team."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from spillover.adapters.sql_store import SqlStore
from spillover.domain.job import Attempt, AttemptStatus, Hints, Job, JobStatus, Outcome, SubmitRequest
from spillover.domain.money import EntryKind, LedgerEntry, PaidNode, cost_nanos
from spillover.domain.past import PastJob
from spillover.domain.resources import Demand, parse_bundles
from spillover.ports import Event

EVENT = Event(1.0, "alice", "j1", "text")
NODE = PaidNode("p", "n1", "worker", "spot", 3.6, is_head=False, ip="10.0.0.1", since=5.0, metered_until=5.0)
ENTRY = LedgerEntry("p", "n1", "worker", "spot", 5.0, 6.0, EntryKind.JOB, 10**15, 1.0, "j1", "search", "alice")
IDLE = replace(ENTRY, kind=EntryKind.IDLE, nano_usd=7, node_s=0.5, submission_id=None, team=None, user=None)
DEMAND = Demand(parse_bundles("2x{GPU:4}"))
DAY_S = 86_400.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    opened = SqlStore.in_folder(tmp_path)
    yield opened
    opened.close()


def test_meters_and_entries_move_together(store: SqlStore) -> None:
    """A node's meter and its entries are written in one go; a node that is gone is not open any more."""
    store.record_spend([NODE], [])
    assert store.open_nodes() == [NODE]
    store.record_spend([replace(NODE, metered_until=6.0)], [ENTRY, IDLE])
    assert store.open_nodes() == [replace(NODE, metered_until=6.0)]
    assert store.spend(["kind", "job"]) == [
        {"kind": "idle", "job": None, "nano_usd": 7, "node_s": 0.5},
        {"kind": "job", "job": "j1", "nano_usd": 10**15, "node_s": 1.0},
    ]
    store.record_spend([replace(NODE, metered_until=6.0, gone_at=6.0)], [])
    assert store.open_nodes() == []


def test_an_empty_ledger_is_nothing_not_unknown(store: SqlStore) -> None:
    """Before anything was spent the sums are zero."""
    assert store.spend([]) == [{"nano_usd": 0, "node_s": 0.0}]
    assert (store.spend(["pool"]), store.node_cost_nanos(), store.job_cost_nanos("j1")) == ([], 0, 0)


def test_a_window_is_whole_days(store: SqlStore) -> None:
    """`since` is the first day, `until` the first one that is not counted; entries and meters agree on each."""
    spans = [(DAY_S - 10, DAY_S), (DAY_S, 2 * DAY_S), (2 * DAY_S, 2 * DAY_S + 5)]
    entries = [replace(ENTRY, start=a, end=b, nano_usd=cost_nanos(3.6, a, b)) for a, b in spans]
    store.record_spend([replace(NODE, since=DAY_S - 10, metered_until=2 * DAY_S + 5)], entries)
    assert [(row["day"], row["nano_usd"]) for row in store.spend(["day"])] == [
        ("1970-01-01", 10_000_000),
        ("1970-01-02", 86_400_000_000),
        ("1970-01-03", 5_000_000),
    ]
    second, third = date(1970, 1, 2), date(1970, 1, 3)
    for since, until, nanos in (
        (second, None, 86_405_000_000),
        (None, second, 10_000_000),
        (second, third, 86_400_000_000),
        (date(1980, 1, 1), None, 0),
    ):
        assert store.spend([], since, until)[0]["nano_usd"] == store.node_cost_nanos(since, until) == nanos


def test_a_team_sees_its_own_rows(store: SqlStore) -> None:
    """With a team, the rest of the bill is not there: neither others' jobs nor idle time."""
    store.record_spend([NODE], [ENTRY, IDLE, replace(ENTRY, submission_id="j2", team="ads", nano_usd=3)])
    assert store.spend(["job"], team="ads") == [{"job": "j2", "nano_usd": 3, "node_s": 1.0}]
    assert store.spend(["job"], team="nobody") == []
    assert store.job_cost_nanos("j2") == 3


def test_a_node_that_comes_back_keeps_what_it_cost(store: SqlStore) -> None:
    """A second stay under the same id is a meter of its own: the first one still counts."""
    store.record_spend([replace(NODE, metered_until=1005.0, gone_at=1005.0)], [])
    store.record_spend([replace(NODE, since=2000.0, metered_until=2500.0)], [])
    assert store.node_cost_nanos() == 1_500_000_000
    assert [node.since for node in store.open_nodes()] == [2000.0]


def past(
    store: SqlStore, name: str, ended_at: float | None, *, ran: bool = True, pools: tuple[str, ...] = ("p",)
) -> None:
    """A job that was submitted at 10 and has had an attempt on each of the pools."""
    job = Job(name, SubmitRequest("x"), "alice", "search", 5, DEMAND, "declared", Hints(60.0), 10.0)
    store.add_job(job, EVENT)
    store.claim(name, "t", 0.0, 9e9)
    for number, pool in enumerate(pools, 1):
        started = 20.0 * number if ran else None
        job = replace(job, status=JobStatus.RUNNING, attempts=number)
        attempt = Attempt(f"{name}-{number}", name, number, pool, "t", "spot", 15.0, started_at=started)
        store.start_attempt(job, attempt, "t", EVENT)
        over = replace(attempt, status=AttemptStatus.ENDED, outcome=Outcome.LOST, ended_at=ended_at)
        final = replace(job, status=JobStatus.FAILED, ended_at=ended_at)
        store.update_attempt(over if ended_at else attempt, final if ended_at else job, "t", EVENT)


def test_past_jobs_are_as_their_newest_attempt_went(store: SqlStore) -> None:
    """Pool, start, end and cost are those of the last attempt, the submission is the job's."""
    past(store, "j1", 90.0, pools=("first", "p"))
    store.record_spend([], [ENTRY, replace(ENTRY, pool="first", nano_usd=1), replace(ENTRY, nano_usd=2)])
    assert store.past_jobs().jobs == (
        PastJob(
            "j1", "alice", "search", 5, DEMAND, Hints(60.0), 10.0, 40.0, 90.0, "p", "t", "spot",
            nano_usd=10**15 + 2, placed_at=15.0, entrypoint="x",
        ),
    )  # fmt: skip


def test_past_jobs_of_a_window_are_the_newest_and_the_rest_is_counted(store: SqlStore) -> None:
    """Kept are jobs that ran and ended within; the others of the window are left out, deleted ones are not."""
    for name, ended_at in (("a", 50.0), ("b", 60.0), ("c", 70.0), ("d", 80.0)):
        past(store, name, ended_at)
    past(store, "runs", None)
    past(store, "never ran", 65.0, ran=False)
    store.delete_job("c")

    def found(*window: float | None) -> tuple[str, int]:
        result = store.past_jobs(*window)  # type: ignore[arg-type]
        return "".join(job.submission_id for job in result.jobs), result.left_out

    assert found() == ("abcd", 2)
    assert found(60.0) == ("bcd", 2)
    assert found(60.0, 80.0) == ("bc", 3)
    assert found(60.0, None, 2) == ("cd", 3)
    assert found(None, 10.0) == ("", 0)
