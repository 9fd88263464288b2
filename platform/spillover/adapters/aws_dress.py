"""Puts a lease into a Ray cluster YAML of provider `aws`: tags in the create call, and what keeps the lease on a node.

The YAML that people write stays plain Ray; this is what Spillover launches in its place. A machine then carries our
tags from its first moment, ends itself (see node/lease_watchdog.py), and drains before it does (node/notices.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from copy import deepcopy
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from ..domain.provider import Lease
from ..errors import LauncherError
from ..node import capacity, lease_watchdog, notices
from .aws_user_data import user_data, whole_seconds

TAG_INSTALLATION = "spillover-installation"
TAG_POOL = "spillover-pool"
TAG_LEASE = "spillover-lease"
TAG_EXPIRES = lease_watchdog.TAG
TAG_FIRST_S = "spillover-first-s"

_START = "(setsid nohup python3 ~/.spillover/{name}.py{flags} >>/tmp/spillover-{name}.log 2>&1 </dev/null &)"
_DASHBOARD_PORT = re.compile(r"--dashboard-port[= ](\d+)")
# Where the watchdog publishes the lease's end; Ray's containers must see it too
_MOUNT = "-v /run/spillover:/run/spillover:ro"
# What is in force where a YAML does not say it, and what we add to
_ADDED_TO = ("available_node_types", "head_node_type", "head_start_ray_commands", "worker_start_ray_commands")
# What EC2 takes as a tag's key once tags are shown in instance metadata
_TAG_KEY = re.compile(r"(?!\.{1,2}$|_index$)[a-zA-Z0-9+\-=.,_:@]+")


def dress(config: Mapping[str, Any], lease: Lease, installation: str) -> dict[str, Any]:
    """A copy of the cluster config whose every machine is under this lease.

    The same lease gives the same copy: Ray replaces a head whose node_config has changed, with its jobs.
    Raises LauncherError for what would break the lease, or what EC2 would refuse because of it.
    """
    defaults = {key: value for key, value in _rays_defaults().items() if key in _ADDED_TO}
    dressed: dict[str, Any] = deepcopy({**defaults, **config})
    tags = lease_tags(lease, installation)
    for name, node_type in dressed["available_node_types"].items():
        node_type["node_config"] = _node_config(node_type.get("node_config") or {}, lease, tags, f"node type '{name}'")
    dressed["provider"] = {**dressed["provider"], "cache_stopped_nodes": False}
    files = {f"~/.spillover/{name}.py": module.__file__ for name, module in _PROGRAMS.items()}
    dressed["file_mounts"] = {**(dressed.get("file_mounts") or {}), **files}
    _add_programs(dressed)
    if dressed.get("docker"):
        dressed["docker"]["run_options"] = [*(dressed["docker"].get("run_options") or ()), _MOUNT]
    return dressed


_PROGRAMS = {"notices": notices, "capacity": capacity}


def _add_programs(dressed: dict[str, Any]) -> None:
    """Start them after Ray: they end with their machine."""
    head, worker = (dressed[f"{kind}_start_ray_commands"] or () for kind in ("head", "worker"))
    port = next((m[1] for command in head if (m := _DASHBOARD_PORT.search(command))), "8265")
    at_the_dashboard = f" --dashboard http://127.0.0.1:{port}"
    for_head = [_START.format(name="notices", flags=" --head"), _START.format(name="capacity", flags=at_the_dashboard)]
    dressed["head_start_ray_commands"] = [*head, *for_head]
    dressed["worker_start_ray_commands"] = [*worker, _START.format(name="notices", flags="")]


def lease_tags(lease: Lease, installation: str) -> dict[str, str]:
    """What every machine under a lease is tagged with, when it is created."""
    expires, first_s = whole_seconds(lease)
    return {
        TAG_INSTALLATION: installation,
        TAG_POOL: lease.pool,
        TAG_LEASE: lease.id,
        TAG_EXPIRES: str(expires),
        TAG_FIRST_S: str(first_s),
    }


def _node_config(own: Mapping[str, Any], lease: Lease, tags: Mapping[str, str], where: str) -> dict[str, Any]:
    market = own.get("InstanceMarketOptions") or {}
    if (market.get("SpotOptions") or {}).get("SpotInstanceType") == "persistent":
        text = "a persistent spot request starts machines by itself, which no lease can end"
        raise LauncherError(f"{where}: {text}; leave 'SpotInstanceType' out")
    return {
        **own,
        "TagSpecifications": _tag_specifications(own.get("TagSpecifications") or (), tags, where),
        "UserData": user_data(lease, _text(own.get("UserData"), where), where),
        "MetadataOptions": {
            **(own.get("MetadataOptions") or {}),
            "HttpEndpoint": "enabled",
            "HttpTokens": "required",
            "InstanceMetadataTags": "enabled",
        },
        "InstanceInitiatedShutdownBehavior": "terminate",
    }


def _text(own: Any, where: str) -> str:
    if own is not None and not isinstance(own, str):
        raise LauncherError(f"{where}: 'UserData' must be text")
    return own or ""


def _tag_specifications(own: Iterable[Mapping[str, Any]], tags: Mapping[str, str], where: str) -> list[dict[str, Any]]:
    """Ours and the user's. Of a tag that both name, ours counts."""
    instance = [{"Key": key, "Value": value} for key, value in tags.items()]
    others = []
    for given in own:
        if given.get("ResourceType") != "instance":
            others.append(dict(given))
            continue
        for tag in given.get("Tags") or ():
            if not _TAG_KEY.fullmatch(tag["Key"]):
                text = f"tag '{tag['Key']}': nodes read their lease from their tags, and then EC2 takes only letters"
                raise LauncherError(f"{where}: {text}, digits and +-=.,_:@ in a tag's key")
            if tag["Key"] not in tags:
                instance.append(dict(tag))
    return [{"ResourceType": "instance", "Tags": instance}, *others]


@cache
def _rays_defaults() -> dict[str, Any]:
    """Ray's own YAML for AWS, without importing Ray."""
    spec = find_spec("ray")
    assert spec is not None  # noqa: S101  # we depend on it
    folder = Path((spec.submodule_search_locations or [""])[0])
    defaults: dict[str, Any] = yaml.safe_load((folder / "autoscaler/aws/defaults.yaml").read_text())
    return defaults
