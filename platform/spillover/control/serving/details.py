"""Applications as Ray's Serve API shows them: Ray's ServeInstanceDetails, of all pools together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...domain.job import JobStatus, JobTarget
from ...domain.pool import PoolRole
from .block import BLOCK, show_block
from .state import AppState

REDACTED = "<redacted>"
CONTROLLER = {"node_id": "spillover", "actor_name": "spillover"}
"""`serve shutdown` goes on only where there is a controller."""

_DEPLOYING, _RUNNING, _UNHEALTHY = "DEPLOYING", "RUNNING", "UNHEALTHY"
_FAILED, _DELETING = "DEPLOY_FAILED", "DELETING"

# The worst one is shown, with its trigger
_BAD_FIRST = ("DEPLOY_FAILED", "UNHEALTHY", "UPDATING", "UPSCALING", "DOWNSCALING", "HEALTHY")


def instance_details(states: Sequence[AppState], user: str | None) -> dict[str, Any]:
    """The whole answer. Values of env_vars are shown of that user's applications alone."""
    found = {s.application.name: _details(s, hide=s.application.user != user) for s in states}
    return {
        "controller_info": CONTROLLER if states else {},
        "proxies": {},
        "applications": found,
        "target_capacity": None,
    }


def _details(state: AppState, *, hide: bool) -> dict[str, Any]:
    application = state.application
    env = {**(application.config.get("runtime_env") or {}), **_block(state)}
    config = {**application.config, **({"runtime_env": env} if env else {})}
    status, message = status_of(state)
    details = {
        "name": application.name,
        "route_prefix": application.route_prefix,
        "docs_path": next((seen["docs_path"] for seen in state.seen.values() if seen.get("docs_path")), None),
        "status": status,
        "message": message,
        "last_deployed_time_s": application.deployed_at,
        "deployed_app_config": config,
        "source": "declarative",
        "deployments": _deployments(state.seen),
        "external_scaler_enabled": bool(application.config.get("external_scaler_enabled", False)),
    }
    return dict(without_secrets(details)) if hide else details


def _block(state: AppState) -> dict[str, Any]:
    shown = show_block(state.application)
    return {BLOCK: shown} if shown else {}


def status_of(state: AppState) -> tuple[str, str]:
    """Ray's word for how the application is, and why."""
    live = [view.job for view in state.replicas if not view.job.status.final]
    if state.application.target is JobTarget.STOP:
        return _DELETING, f"Is being taken down: {_count(len(live))} left."
    up = running(state)
    failed, sick = _said(state, _FAILED), _said(state, _UNHEALTHY)
    dead = [view.job.message for view in state.replicas if view.job.status is JobStatus.FAILED]
    if not up and (failed or (dead and not live)):
        return _FAILED, failed or dead[-1]
    if failed or sick:
        return _UNHEALTHY, failed or sick
    if lost := [job.message for job in live if job.status is JobStatus.UNREACHABLE]:
        return _UNHEALTHY, lost[0]
    terms = state.application.terms
    if up >= terms.baseline.least + terms.burst.least:
        return _RUNNING, state.sentence
    waiting = [job.message for job in live if job.status is not JobStatus.RUNNING and job.message]
    why = waiting[0] if waiting else state.sentence or "Its replicas are being made."
    return _DEPLOYING, f"{_count(up)} running. {why}".strip() if up else why


def running(state: AppState, role: PoolRole | None = None) -> int:
    """Replicas that run, on pools of that role or all."""
    return sum(
        view.job.status is JobStatus.RUNNING and role in (None, (view.job.request.application or {}).get("role"))
        for view in state.replicas
    )


def _said(state: AppState, status: str) -> str:
    """What pools say on which the application has that status, or ""."""
    found = [f"{pool}: {s.get('message') or status}" for pool, s in state.seen.items() if s.get("status") == status]
    return "; ".join(found)


def _count(number: int) -> str:
    return f"{number} replica{'' if number == 1 else 's'}"


def _deployments(seen: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Each deployment once, from all pools."""
    parts: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    for pool, details in seen.items():
        for name, part in (details.get("deployments") or {}).items():
            parts.setdefault(name, []).append((pool, part))
    return {name: _merged(name, found) for name, found in parts.items()}


def _merged(name: str, parts: Sequence[tuple[str, Mapping[str, Any]]]) -> dict[str, Any]:
    """What the newest Ray says is required; pools may run others."""
    worst = min((part for _, part in parts), key=lambda part: _badness(part.get("status", "")))
    messages = [f"{pool}: {part['message']}" for pool, part in parts if part.get("message")]
    target = sum(part.get("target_num_replicas", 0) for _, part in parts)
    config = {"name": name, **worst.get("deployment_config", {})}
    if isinstance(config.get("num_replicas"), int):
        config["num_replicas"] = target
    return {
        "name": name,
        "status": worst.get("status", "UPDATING"),
        "status_trigger": worst.get("status_trigger", "UNSPECIFIED"),
        "message": "; ".join(messages),
        "deployment_config": config,
        "target_num_replicas": target,
        "required_resources": worst.get("required_resources", {}),
        "replicas": _all("replicas", parts),
        "recent_dead_replicas": _all("recent_dead_replicas", parts),
    }


def _all(key: str, parts: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Any]:
    return [replica for _, part in parts for replica in part.get(key) or ()]


def _badness(status: str) -> int:
    return _BAD_FIRST.index(status) if status in _BAD_FIRST else len(_BAD_FIRST)


def without_secrets(value: Any) -> Any:
    """A copy with the values of every `env_vars` masked; names stay, as in Ray's dashboard."""
    if isinstance(value, Mapping):
        return {k: _masked(v) if k == "env_vars" else without_secrets(v) for k, v in value.items()}
    return [without_secrets(item) for item in value] if isinstance(value, list) else value


def _masked(variables: Any) -> Any:
    return dict.fromkeys(variables, REDACTED) if isinstance(variables, Mapping) else REDACTED
