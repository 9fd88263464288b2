"""Replicas of applications are jobs: made here, and counted together again for each pool's Serve."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from ...domain.job import Hints, Job, SubmitRequest
from ...domain.pool import PoolRole
from ...domain.resources import Demand
from ...domain.serving import REPLICA, Application

_OWNED_STAY_S = 86_400.0
_RENTED_STAY_S = 900.0
"""What offers are priced for: a day on owned nodes, and a peak on rented ones. What it really costs is metered."""


def make_replica(application: Application, role: PoolRole, pools: Sequence[str], demand: Demand, at: float) -> Job:
    """One more replica of an application, for some of the pools of a role."""
    terms = application.terms
    hints = Hints(
        runtime_s=_OWNED_STAY_S if role is PoolRole.BASELINE else _RENTED_STAY_S,
        pools=tuple(pools),
        regions=terms.regions,
        markets=terms.markets,
        needs=terms.needs,
        resumable=True,
    )
    return Job(
        submission_id=f"{REPLICA}{application.name}-{secrets.token_hex(3)}",
        request=SubmitRequest(entrypoint=f"serve {application.name}", application=application.request(role)),
        user=application.user,
        team=application.team,
        priority=terms.priority,
        demand=demand,
        demand_source="a replica, by the Serve configuration",
        hints=hints,
        submitted_at=at,
        message="Waits to be placed.",
    )


def application_of(job: Job) -> str | None:
    """The application that the job is a replica of, if it is one."""
    return str(job.request.application["name"]) if job.request.application else None


def role_of(job: Job) -> PoolRole:
    """On pools of which role the replica is to run."""
    return PoolRole((job.request.application or {})["role"])


def each(deployment: Mapping[str, Any]) -> int:
    """How many replicas of a deployment make one replica of its application."""
    scaling = deployment.get("autoscaling_config") or {}
    said = deployment.get("num_replicas")
    return int(said) if isinstance(said, int) else int(scaling.get("min_replicas") or 1)


def ingresses(application: Application) -> int:
    """How many replicas of its ingress, which `serve build` lists last, one replica of the application has."""
    deployments = application.config.get("deployments") or ()
    return each(deployments[-1]) if deployments else 1


def multiplied(config: Mapping[str, Any], count: int) -> dict[str, Any]:
    """The application's entry of a Serve configuration, for so many replicas of it on one pool."""
    deployments = [_times(deployment, count) for deployment in config.get("deployments") or ()]
    return {**config, "deployments": deployments} if deployments else dict(config)


def _times(deployment: Mapping[str, Any], count: int) -> dict[str, Any]:
    scaling = deployment.get("autoscaling_config")
    if not scaling:
        return {**deployment, "num_replicas": each(deployment) * count}
    names = ("min_replicas", "initial_replicas", "max_replicas")
    more = {name: scaling[name] * count for name in names if scaling.get(name) is not None}
    return {**deployment, "autoscaling_config": {**scaling, **more}}
