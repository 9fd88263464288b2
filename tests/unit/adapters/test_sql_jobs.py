"""Jobs, attempts and claims come back from the store as they went in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from spillover.adapters.sql_store import SqlStore
from spillover.domain.data import Data
from spillover.domain.decision import Decision, Offer, Part, Verdict
from spillover.domain.job import Attempt, AttemptStatus, Hints, Job, JobStatus, JobTarget, Outcome, SubmitRequest
from spillover.domain.resources import Demand, Resources, parse_bundles
from spillover.errors import DuplicateJob, SpilloverError, StaleClaim
from spillover.ports import Event

EVENT = Event(1.0, "alice", "j1", "submitted")
DATA = Data("s3://b/x", 10**9)
HINTS = Hints(60.0, 120.0, 1e9, ("a",), ("eu",), ("spot",), ("nfs:/x",), resumable=True, data=DATA)
REQUEST = SubmitRequest(
    "python a.py",
    {"env_vars": {"TOKEN": "hunter2-secret"}, "pip": ["x"], "nested": {"a": [1, None]}},
    {"mine": "1"},
    0.5,
    1.0,
    1024,
    {"tpu": 2.0},
    {"ray.io/market-type": "!spot"},
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    opened = SqlStore.in_folder(tmp_path)
    yield opened
    opened.close()


def make_job(name: str = "j1", **changes: object) -> Job:
    demand = Demand(parse_bundles("4x{GPU:2,CPU:16}"), Resources({"CPU": 1}), (("zone", "in(a,b)"),))
    job = Job(name, REQUEST, "alice", "search", 100, demand, "declared", HINTS, submitted_at=10.0)
    return replace(job, **changes)  # type: ignore[arg-type]


def make_attempt(name: str = "j1", number: int = 1, **changes: object) -> Attempt:
    attempt_id = name if number == 1 else f"{name}-a{number}"
    attempt = Attempt(attempt_id, name, number, "p", "t", "spot", 20.0 + number, why="because")
    return replace(attempt, **changes)  # type: ignore[arg-type]


def test_job_comes_back_as_it_went_in(store: SqlStore, tmp_path: Path) -> None:
    """Every field of a job survives, env_vars and nested values included, in another store on the same file too."""
    job = make_job(
        started_at=11.0, error_type="x", exit_code=2, expected_start_at=12.5, wait_reason="r", not_before=3.0
    )
    store.add_job(job, EVENT)
    assert store.job("j1") == job
    assert store.job("j1").request.runtime_env == REQUEST.runtime_env  # type: ignore[union-attr]  # not part of ==
    other = SqlStore.in_folder(tmp_path)
    assert other.job("j1") == job
    assert other.events("j1") == [EVENT]
    other.close()


def test_secrets_are_sealed_at_rest(store: SqlStore, tmp_path: Path) -> None:
    """No byte of an env_var's value is in the files of the database, and the folder is the owner's alone."""
    store.add_job(make_job(), EVENT)
    store.close()
    data = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.name != "seal.key")
    assert b"python a.py" in data
    assert b"hunter2" not in data
    assert (tmp_path / "seal.key").stat().st_mode & 0o777 == 0o600


def test_another_key_is_a_clear_error(store: SqlStore, tmp_path: Path) -> None:
    """A database with somebody else's key says so, and says which file is meant."""
    store.add_job(make_job(), EVENT)
    (tmp_path / "seal.key").unlink()
    other = SqlStore.in_folder(tmp_path)
    with pytest.raises(SpilloverError, match="the key file beside the database is another one"):
        other.job("j1")
    other.close()


def test_duplicate_changes_nothing(store: SqlStore) -> None:
    """The second job of an id is refused whole: neither its row nor its audit entry is written."""
    store.add_job(make_job(), EVENT)
    with pytest.raises(DuplicateJob):
        store.add_job(make_job(user="mallory"), replace(EVENT, actor="mallory"))
    assert store.job("j1").user == "alice"  # type: ignore[union-attr]
    assert len(store.events("j1")) == 1


def test_update_never_writes_the_target(store: SqlStore) -> None:
    """A stop that comes between reading and writing a job is not undone by the write."""
    store.add_job(make_job(), EVENT)
    before = store.job("j1")
    assert before is not None
    assert store.claim("j1", "t", 0.0, 9.0)
    assert store.set_target_stop("j1", EVENT)
    store.update_job(replace(before, message="moved"), "t")
    after = store.job("j1")
    assert after is not None
    assert (after.target, after.message) == (JobTarget.STOP, "moved")
    assert store.stopping_jobs() == ["j1"]


def test_final_jobs_do_not_stop(store: SqlStore) -> None:
    """Who asks a job to stop that has ended is told so, and the history stays as it is."""
    store.add_job(make_job(status=JobStatus.FAILED), EVENT)
    assert not store.set_target_stop("j1", EVENT)
    assert len(store.events("j1")) == 1


def test_claims(store: SqlStore) -> None:
    """One token at a time; expiry, release and release_all free the row; a stranger's release does not."""
    store.add_job(make_job(), EVENT)
    assert store.claim("j1", "a", 0.0, 10.0)
    assert store.claim("j1", "a", 5.0, 15.0)
    assert not store.claim("j1", "b", 15.0, 20.0)
    store.release("j1", "b")
    assert not store.claim("j1", "b", 15.0, 20.0)
    assert store.claim("j1", "b", 15.1, 20.0)
    store.release("j1", "b")
    assert store.claim("j1", "c", 15.2, 99.0)
    store.release_all()
    assert store.claim("j1", "d", 15.3, 99.0)
    assert not store.claim("unknown", "d", 0.0, 1.0)


def test_attempts_come_back_in_order(store: SqlStore) -> None:
    """Every field of an attempt survives; live, latest and by core job id are found."""
    store.add_job(make_job(), EVENT)
    store.claim("j1", "t", 0.0, 9.0)
    job = store.job("j1")
    assert job is not None
    first, second = make_attempt(), make_attempt(number=2)
    store.start_attempt(replace(job, attempts=1), first, "t", EVENT)
    ended = replace(
        first,
        status=AttemptStatus.ENDED,
        outcome=Outcome.LOST,
        session_name="s",
        core_job_id="01000000",
        driver_info={"pid": "7"},
        exit_code=1,
        log_whole=True,
        stop_sent_at=1.5,
    )
    store.update_attempt(ended, job, "t", EVENT)
    store.start_attempt(replace(job, attempts=2), second, "t", EVENT)
    assert store.attempts("j1") == [ended, second]
    assert store.attempts("j1")[0].driver_info == {"pid": "7"}
    assert store.live_attempts() == [second]
    assert store.latest_attempts() == {"j1": second}
    assert store.find_core_job("p", "01000000") == "j1"
    assert store.find_core_job("q", "01000000") is None
    assert len(store.events("j1")) == 4


def test_stale_write_of_an_attempt_writes_no_part(store: SqlStore) -> None:
    """With a stale token neither job nor attempt nor event is written."""
    store.add_job(make_job(), EVENT)
    store.claim("j1", "t", 0.0, 9.0)
    with pytest.raises(StaleClaim):
        store.start_attempt(make_job(attempts=1), make_attempt(), "stale", EVENT)
    assert store.attempts("j1") == []
    assert store.job("j1").attempts == 0  # type: ignore[union-attr]
    assert len(store.events("j1")) == 1


def test_names_of_jobs_and_attempts_never_meet(store: SqlStore) -> None:
    """An attempt cannot take the id of another job, not even a deleted one's, nor a job that of an attempt."""
    for name in ("j1", "j1-a2"):
        store.add_job(make_job(name, status=JobStatus.FAILED), EVENT)
    store.delete_job("j1-a2")
    store.claim("j1", "t", 0.0, 9.0)
    with pytest.raises(DuplicateJob):
        store.start_attempt(make_job(), make_attempt(number=2), "t", EVENT)
    store.start_attempt(make_job(), make_attempt(number=3), "t", EVENT)
    with pytest.raises(DuplicateJob):
        store.add_job(make_job("j1-a3"), EVENT)


def test_deleted_job_leaves_a_tombstone(store: SqlStore) -> None:
    """What a deleted job held is gone, secrets first; its id is taken for good; a live job is not deleted."""
    store.add_job(make_job(), EVENT)
    store.delete_job("j1")
    assert store.job("j1") is not None
    store.add_job(make_job("j2", status=JobStatus.STOPPED), EVENT)
    store.delete_job("j2")
    assert store.job("j2") is None
    assert [job.submission_id for job in store.jobs()] == ["j1"]
    with pytest.raises(DuplicateJob):
        store.add_job(make_job("j2"), EVENT)
    with store._read() as db:
        row = db.exec_driver_sql("SELECT request, env_vars, entrypoint FROM jobs WHERE submission_id='j2'").one()
    assert tuple(row) == ("{}", None, "")


def test_jobs_by_status_in_submit_order(store: SqlStore) -> None:
    """Jobs come oldest first, of the statuses asked for, at most so many."""
    for number, status in enumerate((JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.QUEUED)):
        store.add_job(make_job(f"j{number}", status=status, submitted_at=10.0 - number), EVENT)
    assert [job.submission_id for job in store.jobs()] == ["j2", "j1", "j0"]
    assert [job.submission_id for job in store.jobs([JobStatus.QUEUED])] == ["j2", "j0"]
    assert [job.submission_id for job in store.jobs([JobStatus.QUEUED], 1)] == ["j2"]


def test_waits_are_noted_on_jobs_that_wait_alone(store: SqlStore) -> None:
    """A reason to wait does not overwrite what a job that was placed or stopped meanwhile says."""
    store.add_job(make_job("waits"), EVENT)
    store.add_job(make_job("runs", status=JobStatus.RUNNING), EVENT)
    store.add_job(make_job("stops"), EVENT)
    store.set_target_stop("stops", EVENT)
    decisions = [Decision(name, 1.0, Verdict.WAIT, "Waits.", "code", "never") for name in ("waits", "runs", "stops")]
    store.note_waits(decisions)
    assert {job.submission_id: job.message for job in store.jobs()} == {"waits": "Waits.", "runs": "", "stops": ""}


def ran(store: SqlStore, name: str, *attempts: tuple[float, float, Outcome]) -> None:
    """A job that ran in these attempts (start, end, outcome) and has ended with the last one."""
    for number, (start, end, outcome) in enumerate(attempts, start=1):
        attempt = make_attempt(name, number, started_at=start, ended_at=end, outcome=outcome)
        job = make_job(name, attempts=number, ended_at=attempts[-1][1], status=JobStatus.SUCCEEDED)
        if number == 1:
            store.add_job(job, EVENT)
            assert store.claim(name, "t", 0.0, 99.0)
        store.start_attempt(job, attempt, "t", EVENT)


def test_past_runs(store: SqlStore) -> None:
    """Jobs that ran and have ended since then, in the order of their ends: how long in all, and whether by themselves."""
    ran(store, "good", (10.0, 40.0, Outcome.SUCCEEDED))
    ran(store, "bad", (10.0, 15.0, Outcome.FAILED))
    ran(store, "cut", (10.0, 20.0, Outcome.STOPPED))
    ran(store, "again", (10.0, 20.0, Outcome.LOST), (30.0, 50.0, Outcome.SUCCEEDED))
    ran(store, "old", (1.0, 2.0, Outcome.SUCCEEDED))
    store.add_job(make_job("waits"), EVENT)
    runs = store.past_runs(5.0, 10)
    assert [(run.submission_id, run.run_s, run.by_itself) for run in runs] == [
        ("bad", 5.0, True),
        ("cut", 10.0, False),
        ("good", 30.0, True),
        ("again", 30.0, True),
    ]
    assert (runs[0].team, runs[0].user, runs[0].entrypoint) == ("search", "alice", "python a.py")
    assert (runs[0].hints, runs[0].demand, runs[0].runtime_env["pip"]) == (HINTS, make_job().demand, ["x"])
    assert [run.submission_id for run in store.past_runs(0.0, 1)] == ["again"]


PARTS = (Part("share", 0.5, 60.0, "half of a node"), Part("egress", 0.1, None, "1 GB"))


def test_decisions_come_back_with_their_offers(store: SqlStore) -> None:
    """A decision's offers survive with the parts of their costs, those without a start in sight too."""
    offers = (
        Offer("p", "t", "spot", 2, 1.5, None, 60.0, 0.1, out="full"),
        Offer("q", "u", "owned", 1, 0.0, 3.0, 60.0, 0.0, chosen=True, total_s=61.0, late_chance=0.5, parts=PARTS),
    )
    decision = Decision("j1", 1.0, Verdict.TAKE, "Runs.", "code", "never", "q", "u", "owned", None, 4.0, offers)
    store.add_decisions([decision])
    store.add_decisions([])
    assert store.decisions("j1") == [decision]


def test_replicas_are_found_among_all_jobs(store: SqlStore) -> None:
    """By what they are: neither an ended one nor a job whose user gave it such a name is among them."""
    served = replace(REQUEST, application={"name": "chat", "role": "burst"})
    jobs = [
        make_job("serve-chat-2", request=served, submitted_at=12.0),
        make_job("serve-chat-1", request=served),
        make_job("serve-chat-0", request=served, status=JobStatus.STOPPED),
        make_job("serve-mine"),
        make_job("j1"),
    ]
    for job in jobs:
        store.add_job(job, EVENT)
    assert [job.submission_id for job in store.replicas()] == ["serve-chat-1", "serve-chat-2"]
