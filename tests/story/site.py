"""Three hosts of one's own, a cloud, and a Spillover in front of both: clusters/onprem.yaml and aws-burst.yaml, adapted."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml
from server import Server, serving

from testbed.bed import Testbed, testbed

ROOT = Path(__file__).parents[2]
IMAGE = "ami-12c6146b"  # one that the fake cloud knows
BUCKET = "runs"
HEAD_TYPE = "t3.large"
PRICES = {f"{HEAD_TYPE}/on_demand": 0.0832, "m5.2xlarge/spot": 0.16, "m5.2xlarge/on_demand": 0.384}
"""US dollars an hour, by the keys of the cloud's bill. The head has a type of its own, so that it has one price."""
KEPT = {"head", "cpu-8-spot", "cpu-8"}
OWNED_USD_PER_HOUR = 0.05
AWS_LOGIN = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_EC2_METADATA_DISABLED": "true"}


@dataclass(frozen=True)
class Site:
    """The test bed, and Spillover on the laptop in it."""

    bed: Testbed
    spillover: Server

    @property
    def storage(self) -> str:
        """Object storage that every node of both pools reaches, as Ray Train takes it."""
        where = {"endpoint_override": self.bed.cloud.endpoint, "region": self.bed.cloud.region, "scheme": "http"}
        return f"s3://{BUCKET}/train?{urlencode(where)}"

    def rented(self, market: str = "") -> list[dict[str, Any]]:
        """Workers of the cloud that live, as it truly has them."""
        machines = [i for i in self.bed.cloud.instances() if i["tags"].get("ray-node-type") == "worker"]
        return [m for m in machines if m["state"] == "running" and market in {"", m["market"]}]

    def bill(self) -> float:
        """US dollars that the cloud asks for."""
        return sum(row["usd"] for row in self.bed.cloud.bill(PRICES))

    def ledger(self) -> float:
        """US dollars that Spillover has booked on the cloud."""
        rows = self.spillover.spillover("cost", "--by", "pool")["rows"]
        return float(sum(row["usd"] for row in rows if row["pool"] == "aws"))


@contextmanager
def site(folder: Path, *, hosts: int = 3, **settings: Any) -> Iterator[Site]:
    """A test bed with Spillover serving in it. `settings` go to Spillover's file."""
    token = folder / "auth_token"
    token.write_text(secrets.token_hex(32))
    token.chmod(0o600)
    with testbed(folder / "b", hosts=hosts, cloud=True) as bed, bed.inside():
        where = {"LocationConstraint": bed.cloud.region}
        bed.cloud.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=where)
        pools = {"aws": aws_pool(folder, bed, token)}
        if hosts:
            pools = {"onprem": onprem_pool(folder, bed, token, hosts), **pools}
        with serving(Server(folder / "s", pools, **settings)) as spillover:
            yield Site(bed, spillover)


def onprem_pool(folder: Path, bed: Testbed, token: Path, hosts: int) -> dict[str, Any]:
    """The hosts: the first runs the head, each other one a worker with two CPUs."""
    cluster = _read("onprem.yaml")
    first, *others = bed.hosts.values()
    provider = {"type": "local", "head_ip": first, "worker_ips": others, "spillover_min_free_disk_gb": 0.1}
    auth = {"ssh_user": "root", "ssh_private_key": str(bed.key)}
    cluster |= {"provider": provider, "auth": auth, "file_mounts": {"~/.ray/auth_token": str(token)}}
    for key in ("head_start_ray_commands", "worker_start_ray_commands"):
        # Of an option that is there twice Ray takes the last: the head keeps the file's --num-cpus=0
        small = "ray start --num-cpus=2 --object-store-memory=100000000"
        cluster[key] = [command.replace("ray start", small, 1) for command in cluster[key]]
    return {
        "kind": "launched",
        "role": "baseline",
        "cluster": _write(folder / "onprem.yaml", cluster),
        "token_file": str(token),
        "region": "here",
        "head_price_usd_per_hour": 0,
        "max_drivers": 8,
        "node_types": {
            "local.cluster.node": {
                "market": "owned",
                "price_usd_per_hour": OWNED_USD_PER_HOUR,
                "resources": {"CPU": 2},
                "max_nodes": hosts - 1,
            }
        },
    }


def aws_pool(folder: Path, bed: Testbed, token: Path) -> dict[str, Any]:
    """The cloud: nothing at first, then a head, and workers with two CPUs of either market."""
    return {
        "kind": "launched",
        "role": "burst",
        "cluster": _write(folder / "aws.yaml", aws_cluster(bed.cloud.endpoint, token)),
        "token_file": str(token),
        "region": bed.cloud.region,
        "head_price_usd_per_hour": PRICES[f"{HEAD_TYPE}/on_demand"],
        "max_drivers": 8,
        "startup": "40s",
        "idle_timeout": "10s",
        "lease": "10min",
        "unreachable_after": "20s",
        "node_types": {
            "cpu-8-spot": {"market": "spot", "price_usd_per_hour": PRICES["m5.2xlarge/spot"]},
            "cpu-8": {"market": "on_demand", "price_usd_per_hour": PRICES["m5.2xlarge/on_demand"]},
        },
    }


def aws_cluster(endpoint: str, token: Path) -> dict[str, Any]:
    """clusters/aws-burst.yaml with nodes that this machine can carry, and nothing to install on them."""
    cluster = _read("aws-burst.yaml")
    credentials = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "endpoint_url": endpoint}
    cluster["provider"] |= {"use_internal_ips": True, "aws_credentials": credentials}
    cluster["auth"]["ssh_user"] = "root"
    cluster |= {"setup_commands": [], "file_mounts": {"~/.ray/auth_token": str(token)}, "idle_timeout_minutes": 1}
    types = {name: t for name, t in cluster["available_node_types"].items() if name in KEPT}
    for name, node_type in types.items():
        node_type["node_config"] |= {"ImageId": IMAGE} | ({"InstanceType": HEAD_TYPE} if name == "head" else {})
        if name != "head":
            node_type["resources"] = {"CPU": 2, "memory": 3_000_000_000}
            node_type["max_workers"] = 2
    cluster["available_node_types"] = types
    for key in ("head_start_ray_commands", "worker_start_ray_commands"):
        cluster[key] = [f"{command} --object-store-memory=100000000" for command in cluster[key]]
    return cluster


def _read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "clusters" / name).read_text())
    return found


def _write(path: Path, cluster: Mapping[str, Any]) -> str:
    path.write_text(yaml.safe_dump(dict(cluster), sort_keys=False))
    return str(path)
