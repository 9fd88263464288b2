"""What a cluster has and what is held there, from Ray's state API."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Any

from ..domain.pool import Node, Observation, Usage
from ..domain.resources import Resources
from ..ports import ClusterVersion
from .ray_http import RayHttp

_SUPERVISOR = "_ray_internal_job_actor_"
_REPLICA = "SERVE_REPLICA::"
_LIMIT = "limit=10000&detail=1"
_ALIVE = "&filter_keys=state&filter_predicates=%3D&filter_values="


async def observe(http: RayHttp, version: ClusterVersion) -> Observation:
    """One look: live nodes, and who holds what on them.

    Placement groups count for what they reserve; actors and tasks inside one are not counted again. What a replica of
    a Serve application holds is owned by its actor's name.
    """
    nodes, actors, groups, tasks = await asyncio.gather(
        _rows(http, "nodes", "ALIVE"),
        _rows(http, "actors", "ALIVE"),
        _rows(http, "placement_groups", "CREATED"),
        _rows(http, "tasks", "RUNNING"),
    )
    # After the others: whoever holds something by now has a core job id by now, too
    jobs = await http.json("GET", "/api/jobs/")
    owners = {job["job_id"]: job.get("submission_id") for job in jobs if job.get("job_id")}
    usage = [*_of_groups(groups, owners), *_of_actors(actors, owners), *_of_tasks(tasks, owners)]
    return Observation(
        at=time.time(),
        session_name=version.session_name,
        ray_version=version.ray_version,
        nodes=tuple(_node(row) for row in nodes),
        usage=tuple(u for u in usage if u.resources),
    )


async def _rows(http: RayHttp, kind: str, state: str) -> list[dict[str, Any]]:
    raw = await http.json("GET", f"/api/v0/{kind}?{_LIMIT}{_ALIVE}{state}")
    return list(raw["data"]["result"]["result"])


def _node(row: Mapping[str, Any]) -> Node:
    labels = row.get("labels") or {}
    return Node(
        node_id=row["node_id"],
        ip=row["node_ip"],
        type_name=labels.get("ray.io/node-group") or labels.get("ray.io/node-type-name") or "",
        resources=clean(row["resources_total"]),
        is_head=bool(row.get("is_head_node")),
        labels=dict(labels),
        started_at=(row.get("start_time_ms") or 0) / 1000,
    )


def clean(resources: Mapping[str, float] | None) -> Resources:
    """Resources without Ray's own: node markers, object store, shares of placement groups."""
    return Resources({k: v for k, v in (resources or {}).items() if not _internal(k)})


def _internal(name: str) -> bool:
    return name.startswith(("node:", "object_store_memory", "bundle_group")) or "_group_" in name


def _of_groups(rows: Iterable[Mapping[str, Any]], owners: Mapping[str, str | None]) -> Iterable[Usage]:
    for row in rows:
        for bundle in row["bundles"]:
            if bundle.get("node_id"):
                yield Usage(bundle["node_id"], owners.get(row["creator_job_id"]), clean(bundle["unit_resources"]))


def _of_actors(rows: Iterable[Mapping[str, Any]], owners: Mapping[str, str | None]) -> Iterable[Usage]:
    for row in rows:
        if row.get("placement_group_id") or not row.get("node_id"):
            continue
        name = row.get("name") or ""
        # Supervisors and replicas of Serve belong to core jobs of the cluster: only their names say whose they are
        owner = name if name.startswith(_REPLICA) else owners.get(row["job_id"])
        owner = name.removeprefix(_SUPERVISOR) if name.startswith(_SUPERVISOR) else owner
        yield Usage(row["node_id"], owner, clean(row.get("required_resources")))


def _of_tasks(rows: Iterable[Mapping[str, Any]], owners: Mapping[str, str | None]) -> Iterable[Usage]:
    for row in rows:
        if row.get("type") == "NORMAL_TASK" and not row.get("placement_group_id") and row.get("node_id"):
            yield Usage(row["node_id"], owners.get(row["job_id"]), clean(row.get("required_resources")))
