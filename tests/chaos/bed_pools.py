"""The two pools of the test bed: a Ray head on one of its hosts, and small machines of its cloud."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from secrets import token_hex
from typing import Any

import yaml

from .world import CLOUD, LEASE_S

HOME_HOST = "op1"
HEAD_TYPE = "t3.large"
PRICES = {
    f"{HEAD_TYPE}/on_demand": 0.0832,
    "m5.large/spot": 0.0351,
    "m5.xlarge/spot": 0.0743,
    "c5.large/on_demand": 0.085,
}
"""US dollars an hour, by the keys of the cloud's bill. The head's type is nobody else's, so that it has one price."""

_TYPES = {
    "spot": ("m5.large", "spot", 2),
    "spot-b": ("m5.xlarge", "spot", 1),
    "on-demand": ("c5.large", "on_demand", 1),
}
_IMAGE = "ami-12c6146b"  # one of those that the fake cloud knows
_START = "RAY_JOB_START_TIMEOUT_SECONDS=3600 RAY_USAGE_STATS_ENABLED=0 ray start --object-store-memory=100000000"

FREEZE = """
import os, pathlib, signal, sys
for path in pathlib.Path('/proc').glob('[0-9]*/cmdline'):
    try:
        command = path.read_bytes()
    except OSError:
        continue
    if int(path.parent.name) != os.getpid() and (b'dashboard/dashboard.py' in command or b'ray-dashboard' in command):
        os.kill(int(path.parent.name), getattr(signal, sys.argv[1]))
        print(path.parent.name)
"""
"""Stops, or lets go on, what answers for a cluster on its head's host: without it jobs run on, unseen."""

START_HOME = f"{_START} --head --port=6379 --num-cpus=2 --dashboard-host=0.0.0.0"


def home_pool(ip: str) -> dict[str, Any]:
    """The settings of the owned pool, which is attached."""
    machine = {"market": "owned", "price_usd_per_hour": 0.02, "resources": {"CPU": 2}, "max_nodes": 1}
    return {
        "kind": "attached",
        "role": "baseline",
        "address": f"http://{ip}:8265",
        "region": "here",
        "head_price_usd_per_hour": 0,
        "unreachable_after": "10s",
        "max_drivers": 8,
        "node_types": {"machine": machine},
    }


def cloud_pool(file: Path, endpoint: str, credentials: Mapping[str, str], region: str) -> dict[str, Any]:
    """The settings of the rented pool, and its cluster YAML beside them."""
    file.write_text(yaml.safe_dump(_cluster(endpoint, credentials, region), sort_keys=False))
    types = {
        name: {"market": market, "price_usd_per_hour": PRICES[f"{instance}/{market}"]}
        for name, (instance, market, _) in _TYPES.items()
    }
    return {
        "kind": "launched",
        "role": "burst",
        "cluster": str(file),
        "region": region,
        "head_price_usd_per_hour": PRICES[f"{HEAD_TYPE}/on_demand"],
        "startup": "40s",
        "idle_timeout": "10s",
        "lease": f"{LEASE_S:g}s",
        "unreachable_after": "20s",
        "max_drivers": 8,
        "node_types": types,
    }


def _cluster(endpoint: str, credentials: Mapping[str, str], region: str) -> dict[str, Any]:
    workers = {
        name: {
            "resources": {"CPU": 1},
            "labels": {"spillover.dev/market": market},
            "min_workers": 0,
            "max_workers": most,
            "node_config": _machine(instance, market),
        }
        for name, (instance, market, most) in _TYPES.items()
    }
    head = {"resources": {"CPU": 0}, "node_config": _machine(HEAD_TYPE, "on_demand")}
    return {
        # Ray's SSH sockets lie in /tmp under a hash of this name and the head's address, which other beds have too
        "cluster_name": f"{CLOUD}-{token_hex(4)}",
        "max_workers": 4,
        "upscaling_speed": 10,
        "idle_timeout_minutes": 0.3,
        "provider": {
            "type": "aws",
            "region": region,
            "availability_zone": f"{region}a,{region}b",
            "use_internal_ips": True,
            "cache_stopped_nodes": False,
            "aws_credentials": {**credentials, "endpoint_url": endpoint},
        },
        "auth": {"ssh_user": "root"},
        "head_node_type": "head",
        "available_node_types": {"head": head, **workers},
        "setup_commands": [],
        "head_setup_commands": [],
        "worker_setup_commands": [],
        "head_start_ray_commands": [
            f"{_START} --head --port=6379 --num-cpus=0 --dashboard-host=0.0.0.0 --autoscaling-config=~/ray_bootstrap_config.yaml"
        ],
        "worker_start_ray_commands": [f"{_START} --address=$RAY_HEAD_IP:6379"],
    }


def _machine(instance: str, market: str) -> dict[str, Any]:
    config: dict[str, Any] = {"InstanceType": instance, "ImageId": _IMAGE}
    return config | ({"InstanceMarketOptions": {"MarketType": "spot"}} if market == "spot" else {})


