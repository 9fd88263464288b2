"""What a cluster has and who holds it, read from answers as Ray 2.60 gives them."""

from __future__ import annotations

from typing import Any

import pytest

from spillover.adapters.ray_state import clean, observe
from spillover.domain.resources import Resources
from spillover.ports import ClusterVersion

pytestmark = pytest.mark.asyncio

HEAD, WORKER = "a" * 56, "b" * 56


class CannedHttp:
    """RayHttp with answers by path."""

    def __init__(self, jobs: list[dict[str, Any]], **rows: list[dict[str, Any]]) -> None:
        self._jobs = jobs
        self._rows = rows
        self.paths: list[str] = []

    async def json(self, method: str, path: str, **options: Any) -> Any:
        self.paths.append(path)
        if path == "/api/jobs/":
            return self._jobs
        rows = self._rows.get(path.removeprefix("/api/v0/").partition("?")[0], [])
        return {
            "result": True,
            "msg": "",
            "data": {"result": {"total": len(rows), "num_after_truncation": len(rows), "result": rows}},
        }


def node(
    node_id: str, resources: dict[str, float], *, head: bool = False, labels: dict[str, str] | None = None
) -> dict[str, Any]:
    return {
        "node_id": node_id,
        "node_ip": "127.0.11.1" if head else "127.0.11.2",
        "is_head_node": head,
        "state": "ALIVE",
        "node_name": "127.0.11.1",
        "resources_total": resources,
        "labels": {"ray.io/node-id": node_id, **(labels or {})},
        "start_time_ms": 1_800_000_000_500,
        "end_time_ms": 0,
    }


def actor(job_id: str, resources: dict[str, float] | None, **changes: Any) -> dict[str, Any]:
    row = {"actor_id": "f" * 32, "class_name": "W", "state": "ALIVE", "job_id": job_id, "name": "", "node_id": WORKER}
    return {**row, "placement_group_id": None, "required_resources": resources, **changes}


def job(core_id: str | None, submission_id: str | None) -> dict[str, Any]:
    return {
        "type": "SUBMISSION" if submission_id else "DRIVER",
        "job_id": core_id,
        "submission_id": submission_id,
        "status": "RUNNING",
    }


async def look(http: CannedHttp) -> dict[tuple[str | None, str], str]:
    """(owner, node) -> what it holds there."""
    seen = await observe(http, ClusterVersion("2.60.0", "session_1"))  # type: ignore[arg-type]
    totals: dict[tuple[str | None, str], Resources] = {}
    for use in seen.usage:
        key = (use.owner, use.node_id[0])
        totals[key] = totals.get(key, Resources()).plus(use.resources)
    return {key: str(total) for key, total in totals.items()}


async def test_nodes_without_rays_own_resources() -> None:
    """Nodes show what work can use, their type by Ray's labels, and when they started."""
    http = CannedHttp(
        [],
        nodes=[
            node(HEAD, {"node:__internal_head__": 1.0, "node:127.0.11.1": 1.0, "object_store_memory": 1e8}, head=True),
            node(
                WORKER,
                {"CPU": 2.0, "memory": 4e9, "CPU_group_1_abc": 1.0, "bundle_group_abc": 1000.0, "GPU": 0.0},
                labels={"ray.io/node-group": "worker"},
            ),
        ],
    )
    seen = await observe(http, ClusterVersion("2.60.0", "session_1"))  # type: ignore[arg-type]
    head, worker = seen.nodes
    assert (head.is_head, head.resources, head.type_name) == (True, Resources(), "")
    assert (worker.resources, worker.type_name) == (Resources({"CPU": 2, "memory": 4e9}), "worker")
    assert (worker.started_at, worker.ip) == (1_800_000_000.5, "127.0.11.2")
    assert (seen.session_name, seen.ray_version) == ("session_1", "2.60.0")


async def test_only_what_lives_is_asked_for() -> None:
    """Dead actors and pending groups hold nothing: the state is part of each question, and the limit Ray's highest."""
    http = CannedHttp([])
    await observe(http, ClusterVersion("2.60.0", "s"))  # type: ignore[arg-type]
    asked = {path.removeprefix("/api/v0/").partition("?")[0]: path for path in http.paths}
    states = {"nodes": "ALIVE", "actors": "ALIVE", "placement_groups": "CREATED", "tasks": "RUNNING"}
    for kind, state in states.items():
        assert asked[kind].endswith(
            f"limit=10000&detail=1&filter_keys=state&filter_predicates=%3D&filter_values={state}"
        )


async def test_actors_in_a_placement_group_are_not_counted_twice() -> None:
    """A group counts for what it reserves, by its creator's job; actors and tasks inside it count nothing more."""
    group = {
        "placement_group_id": "9" * 36,
        "creator_job_id": "02000000",
        "state": "CREATED",
        "bundles": [
            {"bundle_id": "x", "node_id": WORKER, "unit_resources": {"CPU": 2.0}},
            {"bundle_id": "y", "node_id": HEAD, "unit_resources": {"CPU": 1.0}},
            {"bundle_id": "z", "node_id": None, "unit_resources": {"CPU": 8.0}},
        ],
    }
    inside = {"CPU": 2.0, "CPU_group_0_" + "9" * 36: 2.0}
    http = CannedHttp(
        [job("02000000", "j1")],
        placement_groups=[group],
        actors=[actor("02000000", inside, placement_group_id="9" * 36), actor("02000000", {"CPU": 1.0})],
        tasks=[
            {
                "type": "NORMAL_TASK",
                "job_id": "02000000",
                "node_id": WORKER,
                "placement_group_id": "9" * 36,
                "required_resources": inside,
            },
        ],
    )
    assert await look(http) == {("j1", "b"): "{CPU:3}", ("j1", "a"): "{CPU:1}"}


async def test_supervisors_belong_to_their_submission() -> None:
    """A supervisor runs under the cluster's own core job: its name says whose entrypoint it is."""
    supervisor = actor("01000000", {"CPU": 0.5, "node:127.0.11.1": 0.001}, name="_ray_internal_job_actor_j1-a2")
    http = CannedHttp([job("02000000", "j1-a2")], actors=[supervisor])
    assert await look(http) == {("j1-a2", "b"): "{CPU:0.5}"}


async def test_what_a_served_replica_holds_is_owned_by_its_actors_name() -> None:
    """Serve's actors run under the core job that started Serve, whosever applications they are."""
    replica = actor("01000000", {"CPU": 1.0}, name="SERVE_REPLICA::chat#D#x1")
    http = CannedHttp([job("01000000", "j1")], actors=[replica])
    assert await look(http) == {("SERVE_REPLICA::chat#D#x1", "b"): "{CPU:1}"}


async def test_foreign_use_has_no_owner() -> None:
    """Drivers that connect by ray:// and jobs that have gone from the list hold resources that nobody of ours owns."""
    http = CannedHttp(
        [job("03000000", None), job(None, "waits")],
        actors=[actor("03000000", {"CPU": 1.0}), actor("04000000", {"GPU": 1.0})],
        tasks=[
            {
                "type": "NORMAL_TASK",
                "job_id": "03000000",
                "node_id": WORKER,
                "placement_group_id": None,
                "required_resources": {"CPU": 1.0},
            }
        ],
    )
    assert await look(http) == {(None, "b"): "{CPU:2,GPU:1}"}


async def test_actor_tasks_and_work_without_a_node_hold_nothing() -> None:
    """Tasks of actors are their actors' use; what is on no node yet uses none; what needs nothing is left out."""
    http = CannedHttp(
        [job("02000000", "j1")],
        actors=[actor("02000000", {"CPU": 1.0}, node_id=None), actor("02000000", None), actor("02000000", {})],
        tasks=[
            {"type": "ACTOR_TASK", "job_id": "02000000", "node_id": WORKER, "required_resources": {"CPU": 1.0}},
            {"type": "NORMAL_TASK", "job_id": "02000000", "node_id": None, "required_resources": {"CPU": 1.0}},
        ],
    )
    assert await look(http) == {}


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("CPU", True),
        ("accelerator_type:A100", True),
        ("my_group", True),
        ("node:1.2.3.4", False),
        ("CPU_group_0_ab", False),
        ("bundle_group_ab", False),
    ],
)
async def test_rays_own_resources_are_known_by_name(name: str, kept: bool) -> None:  # noqa: FBT001
    """Node markers, object store and shares of placement groups are Ray's own; custom resources are not."""
    assert (name in clean({name: 1.0})) is kept
