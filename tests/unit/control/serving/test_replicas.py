"""Replicas as jobs, and several of them as one entry for a pool's Serve."""

from __future__ import annotations

from spillover.control.serving.owners import with_owners
from spillover.control.serving.replicas import application_of, make_replica, multiplied, role_of
from spillover.domain.job import Attempt
from spillover.domain.pool import Observation, PoolRole, Usage
from spillover.domain.resources import Demand, Resources, parse_bundles
from spillover.domain.serving import Application, ServeTerms

TWO = [{"name": "A", "num_replicas": 2}, {"name": "B"}]
APPLICATION = Application("chat", "alice", "search", "/chat", {"name": "chat", "deployments": TWO}, ServeTerms(), 0.0)


def attempt(name: str) -> Attempt:
    return Attempt(name, name, 1, "onprem", "worker", "owned", 0.0)


def seen(*owners: str | None) -> Observation:
    return Observation(0.0, "s", "2.60.0", (), tuple(Usage("n", owner, Resources({"CPU": 1})) for owner in owners))


def test_a_replica_says_where_it_may_run_and_whose_it_is() -> None:
    """It is a job of the application's owner, that comes up again when it is lost."""
    job = make_replica(APPLICATION, PoolRole.BURST, ["aws"], Demand(parse_bundles("{CPU:1}")), 5.0)
    assert (application_of(job), role_of(job), job.user, job.team) == ("chat", PoolRole.BURST, "alice", "search")
    assert (job.hints.pools, job.hints.resumable, job.submitted_at) == (("aws",), True, 5.0)
    assert job.submission_id.startswith("serve-chat-")


def test_three_replicas_on_a_pool_are_one_entry() -> None:
    """Each deployment has three times its own replicas; an autoscaler three times its bounds."""
    scaling = {"name": "C", "autoscaling_config": {"min_replicas": 1, "max_replicas": 4, "target_ongoing_requests": 2}}
    config = multiplied({"name": "chat", "deployments": [*TWO, scaling]}, 3)
    assert [d.get("num_replicas") for d in config["deployments"]] == [6, 3, None]
    assert config["deployments"][2]["autoscaling_config"] == {
        "min_replicas": 3,
        "max_replicas": 12,
        "target_ongoing_requests": 2,
    }


def test_an_entry_without_deployments_stays_as_it_is() -> None:
    """What the code says holds."""
    assert multiplied({"name": "chat", "import_path": "m:app"}, 1) == {"name": "chat", "import_path": "m:app"}


def test_what_serve_holds_is_shared_out_among_our_attempts() -> None:
    """Two actors of A and one of B make a replica; of applications that are not ours nobody of us pays."""
    names = [f"SERVE_REPLICA::chat#A#{i}" for i in "1234"] + [f"SERVE_REPLICA::chat#B#{i}" for i in "12"]
    owned = with_owners(
        seen(*names, "SERVE_REPLICA::theirs#A#1", "job-1", None),
        {"chat": [attempt("r1"), attempt("r2")]},
        {"chat": APPLICATION},
    )
    assert [u.owner for u in owned.usage] == ["r1", "r1", "r2", "r2", "r1", "r2", None, "job-1", None]


def test_a_replica_that_is_drained_is_paid_for_by_the_one_that_stays() -> None:
    """More actors than attempts: the newest attempt has them, so that nothing of ours counts as foreign."""
    owned = with_owners(
        seen("SERVE_REPLICA::chat#B#1", "SERVE_REPLICA::chat#B#2"), {"chat": [attempt("r1")]}, {"chat": APPLICATION}
    )
    assert [u.owner for u in owned.usage] == ["r1", "r1"]
