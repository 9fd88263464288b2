"""An instance as EC2's DescribeInstances shows it, read as a machine."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from ..domain.provider import Machine, MachineState
from .aws_dress import TAG_EXPIRES, TAG_FIRST_S, TAG_LEASE, TAG_POOL

_KIND_TAG = "ray-node-type"
_TYPE_TAG = "ray-user-node-type"
_STATES = {
    "pending": MachineState.PENDING,
    "running": MachineState.RUNNING,
    "stopping": MachineState.STOPPED,
    "stopped": MachineState.STOPPED,
    "shutting-down": MachineState.ENDING,
    "terminated": MachineState.ENDED,
}
_WHEN = re.compile(r"\((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?:GMT|UTC)\)")
_RECLAIMED = "Server.SpotInstanceTermination"
_ENDED_ITSELF = "Client.InstanceInitiatedShutdown"

_LEAST_BILLED_S = 60
_FREE_IF_RECLAIMED_WITHIN_S = 3600
"""https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/billing-for-interrupted-spot-instances.html"""


def times_of_ends(instances: Iterable[Mapping[str, Any]], seen: Mapping[str, float], now: float) -> dict[str, float]:
    """When each ended instance did: EC2's own time, else the best that is known. Unix seconds, by id.

    EC2 does not say when an instance shut itself down. That is what those do whose lease has ended: at its end, then,
    or when it was first `seen` ended, whichever came first. What was seen is kept as long as the instance is listed: a
    stale list may show it alive once more.
    """
    ends: dict[str, float] = {}
    for instance in instances:
        name, told = instance["InstanceId"], told_end(instance)
        if not _state(instance).there:
            ends[name] = seen.get(name, min(now, _end_of_lease(instance))) if told is None else told
        elif name in seen:
            ends[name] = seen[name]
    return ends


def _end_of_lease(instance: Mapping[str, Any]) -> float:
    """When its watchdog ended it, if it was that; infinity if it has no lease, or went for another reason."""
    tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])}
    if instance.get("StateReason", {}).get("Code") != _ENDED_ITSELF or TAG_EXPIRES not in tags:
        return math.inf
    first_s = _seconds(tags.get(TAG_FIRST_S, ""))
    return max(_seconds(tags[TAG_EXPIRES]), float(instance["LaunchTime"].timestamp()) + first_s)


def told_end(instance: Mapping[str, Any]) -> float | None:
    """When it ended, from `User initiated (2026-11-25 12:00:00 GMT)`; None if EC2 does not say."""
    found = _WHEN.search(instance.get("StateTransitionReason") or "")
    return datetime.fromisoformat(found[1]).replace(tzinfo=UTC).timestamp() if found else None


def machine_of(instance: Mapping[str, Any], ends: Mapping[str, float]) -> Machine:
    """The machine. `ends`: when those that have ended did, by id. A lease without a readable end has ended long ago."""
    tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])}
    state, launched_at = _state(instance), instance["LaunchTime"].timestamp()
    ended_at = None if state.there else ends[instance["InstanceId"]]
    return Machine(
        id=instance["InstanceId"],
        ip=instance.get("PrivateIpAddress") or "",
        state=state,
        kind="head" if tags.get(_KIND_TAG) == "head" else "worker",
        node_type=tags.get(_TYPE_TAG, ""),
        market="spot" if _is_spot(instance) else "on_demand",
        zone=instance.get("Placement", {}).get("AvailabilityZone", ""),
        launched_at=launched_at,
        pool=tags.get(TAG_POOL, ""),
        lease_id=tags.get(TAG_LEASE, ""),
        lease_expires_at=_seconds(tags.get(TAG_EXPIRES, "")),
        ended_at=ended_at,
        billed_s=None if ended_at is None else billed_s(instance, ended_at - launched_at),
        end_reason="" if ended_at is None else _reason(instance),
        reclaimed=ended_at is not None and _is_reclaimed(instance),
    )


def billed_s(instance: Mapping[str, Any], lived_s: float) -> float:
    """Linux by the second, a minute at least; a spot instance that EC2 takes back in its first hour is free."""
    if _is_reclaimed(instance) and lived_s < _FREE_IF_RECLAIMED_WITHIN_S:
        return 0.0
    return float(max(_LEAST_BILLED_S, math.ceil(lived_s)))


def _state(instance: Mapping[str, Any]) -> MachineState:
    return _STATES[instance["State"]["Name"]]


def _is_spot(instance: Mapping[str, Any]) -> bool:
    return instance.get("InstanceLifecycle") == "spot"


def _is_reclaimed(instance: Mapping[str, Any]) -> bool:
    return _is_spot(instance) and instance.get("StateReason", {}).get("Code") == _RECLAIMED


def _seconds(text: str) -> float:
    return float(text) if text.isdecimal() else 0.0


def _reason(instance: Mapping[str, Any]) -> str:
    told: str = instance.get("StateReason", {}).get("Message") or instance.get("StateTransitionReason") or ""
    return told
