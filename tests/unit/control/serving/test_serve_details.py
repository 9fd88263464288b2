"""Applications are shown as Ray shows them, whatever number of pools they are on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from spillover.control.serving.app_views import application_view
from spillover.control.serving.details import instance_details, status_of
from spillover.control.serving.state import AppState
from spillover.domain.answers import OnPool
from spillover.domain.job import Attempt, Hints, Job, JobStatus, JobTarget, JobView, SubmitRequest
from spillover.domain.pool import Market, NodeType, Pool, PoolKind, PoolRole
from spillover.domain.resources import Demand, Resources
from spillover.domain.serving import Application, Replicas, ServeTerms

CONFIG = {"name": "chat", "route_prefix": "/chat", "import_path": "m:app", "deployments": [{"name": "D"}]}
CHAT = Application("chat", "alice", "search", "/chat", CONFIG, ServeTerms(Replicas(2, 4), Replicas(0, 2)), 7.0)
NODE = NodeType("big", Resources({"CPU": 8, "GPU": 4}), Market.ON_DEMAND, 4.0, 2)
POOLS = {
    name: Pool(name, PoolKind.LAUNCHED, role, (replace(NODE, price_usd_per_hour=price),))
    for name, role, price in (("onprem", PoolRole.BASELINE, 0.8), ("cloud", PoolRole.BURST, 4.0))
}


def replica(status: JobStatus = JobStatus.RUNNING, pool: str = "onprem", message: str = "") -> JobView:
    job = Job(
        submission_id=f"serve-chat-{pool}",
        request=SubmitRequest("serve chat", application=CHAT.request(POOLS[pool].role)),
        user="alice",
        team="search",
        priority=0,
        demand=Demand(((2, Resources({"CPU": 1, "GPU": 1})),)),
        demand_source="",
        hints=Hints(),
        submitted_at=1.0,
        status=status,
        message=message,
    )
    attempt = Attempt(job.submission_id, job.submission_id, 1, pool, "big", "owned", 1.0)
    return JobView(job, None if status is JobStatus.QUEUED else attempt)


def deployment(status: str = "HEALTHY", running: int = 1, message: str = "") -> dict[str, Any]:
    """As Ray's controller says it."""
    one = {"node_id": "n1", "replica_id": "r", "state": "RUNNING", "start_time_s": 1.0}
    return {
        "name": "D",
        "status": status,
        "status_trigger": "CONFIG_UPDATE_COMPLETED",
        "message": message,
        "deployment_config": {"name": "D", "num_replicas": running, "ray_actor_options": {"num_cpus": 1.0}},
        "target_num_replicas": running,
        "required_resources": {"CPU": 1},
        "replicas": [one] * running,
        "some_day": "another Ray may say more",
    }


def on_pool(status: str = "RUNNING", message: str = "", **about: Any) -> dict[str, Any]:
    return {"status": status, "message": message, "docs_path": "/docs", "deployments": {"D": deployment(**about)}}


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        (AppState(CHAT), ("DEPLOYING", "Its replicas are being made.")),
        (AppState(CHAT, sentence="Rents two."), ("DEPLOYING", "Rents two.")),
        (
            AppState(CHAT, [replica(JobStatus.QUEUED, message="Waits for onprem until 9:00.")], sentence="Two needed."),
            ("DEPLOYING", "Waits for onprem until 9:00."),
        ),
        (
            AppState(CHAT, [replica(), replica(JobStatus.STARTING, message="Starts.")]),
            ("DEPLOYING", "1 replica running. Starts."),
        ),
        (AppState(CHAT, [replica(), replica(pool="cloud")], sentence="Spills."), ("RUNNING", "Spills.")),
        (AppState(replace(CHAT, terms=ServeTerms(Replicas(0, 1)))), ("RUNNING", "")),
        (
            AppState(CHAT, [replica()], {"onprem": on_pool("DEPLOY_FAILED", "no module m")}),
            ("UNHEALTHY", "onprem: no module m"),
        ),
        (
            AppState(CHAT, [replica(JobStatus.STARTING)], {"onprem": on_pool("DEPLOY_FAILED", "no module m")}),
            ("DEPLOY_FAILED", "onprem: no module m"),
        ),
        (AppState(CHAT, [replica(JobStatus.FAILED, message="no module m")]), ("DEPLOY_FAILED", "no module m")),
        (
            AppState(CHAT, [replica(), replica()], {"onprem": on_pool("UNHEALTHY", "a replica crashed")}),
            ("UNHEALTHY", "onprem: a replica crashed"),
        ),
        (
            AppState(CHAT, [replica(), replica(JobStatus.UNREACHABLE, "cloud", "cloud does not answer")]),
            ("UNHEALTHY", "cloud does not answer"),
        ),
        (
            AppState(replace(CHAT, target=JobTarget.STOP), [replica(), replica(JobStatus.STOPPED)]),
            ("DELETING", "Is being taken down: 1 replica left."),
        ),
    ],
)
def test_the_status_is_rays_word_and_its_message_says_why(state: AppState, shown: tuple[str, str]) -> None:
    """From DEPLOYING with the reason of the wait to DELETING; it runs when the least replicas do."""
    assert status_of(state) == shown


def test_pools_are_shown_as_one_cluster() -> None:
    """Replicas of a deployment are counted together, its worst status is shown, and Ray's own schema takes it all."""
    from ray.serve.schema import ServeInstanceDetails

    seen = {"onprem": on_pool(running=2), "cloud": on_pool(status="UPDATING", message="1 starts", running=1)}
    seen["cloud"]["deployments"]["D"] |= {"status": "UPDATING", "message": "1 starts"}
    details = ServeInstanceDetails(**instance_details([AppState(CHAT, [replica(), replica()], seen)], "alice"))
    shown = details.applications["chat"]
    assert (shown.status.value, shown.docs_path, shown.last_deployed_time_s) == ("RUNNING", "/docs", 7.0)
    merged = shown.deployments["D"]
    assert (merged.status.value, merged.message, merged.target_num_replicas) == ("UPDATING", "cloud: 1 starts", 3)
    assert merged.deployment_config.num_replicas == 3
    status = details._get_status().applications["chat"]
    assert status.deployments["D"].replica_states == {"RUNNING": 3}
    assert details.controller_info.node_id is not None


def test_a_config_is_shown_with_its_block() -> None:
    """What the user wrote in the block can be read in `serve config`, besides what Ray keeps."""
    shown = instance_details([AppState(CHAT)], "alice")["applications"]["chat"]["deployed_app_config"]
    assert shown == {**CONFIG, "runtime_env": {"spillover": {"baseline": "2-4", "burst": "0-2"}}}


def test_secrets_are_masked_wherever_they_are() -> None:
    """In the application's environment, in a deployment's, and in what pools say of it."""
    env = {"env_vars": {"PIN": "1234"}}
    options = {"name": "D", "ray_actor_options": {"runtime_env": env}}
    app = replace(CHAT, config={**CONFIG, "runtime_env": env, "deployments": [options]})
    seen = on_pool()
    seen["deployments"]["D"]["deployment_config"] = options
    state = AppState(app, seen={"onprem": seen})
    assert str(instance_details([state], "alice")).count("1234") == 3
    assert "1234" not in str(instance_details([state], "bob"))
    assert "1234" not in str(instance_details([state], None))
    assert str(instance_details([state], "bob")).count("PIN") == 3


def test_without_applications_there_is_no_serve() -> None:
    """As on a cluster where Serve was never started: `serve shutdown` has nothing to do then."""
    from ray.serve.schema import ServeInstanceDetails

    assert instance_details([], "alice") == ServeInstanceDetails.get_empty_schema_dict()


def test_the_own_view_says_where_it_runs_and_what_it_costs() -> None:
    """Replicas by role, requests by pool, and shares of nodes by the resource that is used most: 2 of 4 GPUs are half."""
    state = AppState(
        CHAT, [replica(), replica(), replica(pool="cloud"), replica(JobStatus.QUEUED)],
        queued=5, ongoing={"onprem": 3, "cloud": 2},
    )  # fmt: skip
    view = application_view(state, POOLS)
    assert (view.baseline, view.baseline_most, view.burst, view.burst_most) == (2, 4, 1, 2)
    assert (view.queued, view.requests) == (5, 5)
    assert view.pools == (OnPool("onprem", "baseline", 2, 3), OnPool("cloud", "burst", 1, 2))
    assert view.usd_per_hour == pytest.approx(0.4 + 0.4 + 2.0)
