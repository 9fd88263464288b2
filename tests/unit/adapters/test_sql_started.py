"""Jobs that have started are found by their start, with the attempt that did."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from spillover.adapters.sql_store import SqlStore
from spillover.domain.job import Attempt, AttemptStatus, Hints, Job, JobStatus, Outcome, SubmitRequest
from spillover.domain.past import StartedJob
from spillover.domain.resources import Demand, parse_bundles
from spillover.ports import Event

EVENT = Event(1.0, "alice", "j", "submitted")
DEMAND = Demand(parse_bundles("2x{GPU:1}"))
HINTS = Hints(runtime_s=60.0, markets=("spot",))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    opened = SqlStore.in_folder(tmp_path)
    yield opened
    opened.close()


def put(store: SqlStore, name: str, *attempts: Attempt, **changes: object) -> None:
    job = Job(name, SubmitRequest("python a.py"), "alice", "search", 100, DEMAND, "declared", HINTS, submitted_at=10.0)
    store.add_job(job, EVENT)
    store.claim(name, "t", 0.0, 1.0)
    changed = replace(job, **changes)  # type: ignore[arg-type]
    for attempt in attempts:
        store.start_attempt(changed, attempt, "t", EVENT)


def attempt(name: str, number: int = 1, pool: str = "cloud", **changes: object) -> Attempt:
    made = Attempt(f"{name}-{number}", name, number, pool, "t", "spot", 20.0 + number)
    return replace(made, **changes)  # type: ignore[arg-type]


def test_a_started_job_comes_with_what_placed_it(store: SqlStore) -> None:
    """Who asked for what and when, when it was placed and where, and when it started."""
    put(store, "j", attempt("j", started_at=30.0), started_at=30.0, status=JobStatus.RUNNING)
    assert store.started_jobs(5) == [
        StartedJob("j", "alice", "search", 100, "python a.py", DEMAND, HINTS, 10.0, 21.0, 30.0, "cloud")
    ]


def test_the_attempt_that_started_first_counts(store: SqlStore) -> None:
    """One that was withdrawn before it ran, and later runs of a job that was lost, are not when it started."""
    withdrawn = attempt("j", 1, "p", status=AttemptStatus.ENDED, outcome=Outcome.WITHDRAWN)
    first, again = attempt("j", 2, "q", started_at=30.0), attempt("j", 3, "r", started_at=90.0)
    put(store, "j", withdrawn, first, again, started_at=30.0)
    (found,) = store.started_jobs(5)
    assert (found.pool, found.placed_at, found.started_at) == ("q", 22.0, 30.0)


def test_the_newest_starts_are_listed_oldest_first(store: SqlStore) -> None:
    """By their start, not by their submit or end; what has not started is not among them, what was deleted is."""
    put(store, "waits")
    put(store, "placed", attempt("placed"))
    for name, at in (("late", 50.0), ("early", 30.0), ("middle", 40.0)):
        put(store, name, attempt(name, started_at=at), started_at=at, status=JobStatus.SUCCEEDED, ended_at=99.0 - at)
    store.delete_job("middle")
    assert [job.submission_id for job in store.started_jobs(5)] == ["early", "middle", "late"]
    assert [job.submission_id for job in store.started_jobs(2)] == ["middle", "late"]
