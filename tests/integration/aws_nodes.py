"""clusters/aws-burst.yaml under a lease, raised by plain `ray up` in the test bed's cloud, with small nodes."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from spillover.adapters.aws_dress import TAG_EXPIRES, dress
from spillover.domain.provider import Lease
from testbed.bed import Testbed

ROOT = Path(__file__).parents[2]
IMAGE = "ami-12c6146b"  # one that moto knows
KEPT = ("head", "cpu-8-spot", "cpu-8")
TOKEN = "the-token-of-this-cluster"

# Runs until every task is done. A task holds a spot or on-demand node for so many seconds; the driver tells which nodes
# Ray says are draining, and which nodes its tasks were done on.
JOB = """
import socket, sys, time, ray
from ray._private.state import state
ray.init()
@ray.remote(num_cpus=2, max_retries=-1)
def hold(seconds):
    print("on", socket.gethostname(), flush=True)
    time.sleep(seconds)
    return socket.gethostname()
waiting, drains = [hold.remote(float(sys.argv[1]))], set()
while waiting:
    done, waiting = ray.wait(waiting, timeout=0.5)
    for node in state.get_draining_nodes().keys() - drains:
        drains.add(node)
        print("drains", node, flush=True)
print("done on", ray.get(done), flush=True)
"""


class BurstCluster:
    """The cluster, its jobs, and its machines as the cloud truly has them."""

    def __init__(self, bed: Testbed, lease: Lease) -> None:
        self.bed = bed
        self.lease = lease
        self.yaml = bed.folder / "aws-burst.yaml"
        home = Path(bed.environment()["HOME"])
        (home / ".ray").mkdir(exist_ok=True)
        (home / ".ray/auth_token").write_text(TOKEN)
        config = small(yaml.safe_load((ROOT / "clusters/aws-burst.yaml").read_text()), bed.cloud.endpoint)
        self.yaml.write_text(yaml.safe_dump(dress(config, lease, "house")))

    def up(self) -> None:
        """`ray up`, as anybody would call it."""
        self.run("ray", "up", "-y", "--no-config-cache", str(self.yaml), timeout_s=240)

    def run(self, *command: str, timeout_s: float = 60) -> str:
        """A command on the laptop. Raises AssertionError with what it said."""
        with self.bed.inside():
            done = subprocess.run(
                command, env=self.bed.environment(RAY_AUTH_MODE="token"), stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout_s, check=False,
            )  # fmt: skip
        assert done.returncode == 0, done.stdout[-3000:]
        return done.stdout

    def submit(self, job_id: str, seconds: float) -> None:
        """Start the job."""
        body = {"submission_id": job_id, "entrypoint": f"python -c '{JOB}' {seconds}"}
        self.ask("/api/jobs/", body)

    def logs(self, job_id: str) -> str:
        """What the job has printed."""
        return str(self.ask(f"/api/jobs/{job_id}/logs")["logs"])

    def nodes(self) -> list[dict[str, Any]]:
        """Ray's nodes, those that have died too."""
        found: list[dict[str, Any]] = self.ask("/api/v0/nodes?detail=1")["data"]["result"]["result"]
        return found

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """The head's dashboard."""
        request = urllib.request.Request(f"http://{self.head()['ip']}:8265{path}")
        request.add_header("Authorization", f"Bearer {TOKEN}")
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        with self.bed.inside(), urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def machines(self, kind: str, *, live: bool = True) -> list[dict[str, Any]]:
        """Its heads or workers, as the cloud has them."""
        all_of_it = [m for m in self.bed.cloud.instances() if m["tags"].get("ray-node-type") == kind]
        return [m for m in all_of_it if not live or m["state"] in {"pending", "running"}]

    def head(self) -> dict[str, Any]:
        """The one head that lives."""
        (head,) = self.machines("head")
        return head

    def renew(self, machine_id: str, expires_at: float) -> None:
        """Write the lease's end on a machine, as Spillover does."""
        with self.bed.inside():
            tags = [{"Key": TAG_EXPIRES, "Value": str(int(expires_at))}]
            self.bed.cloud.client("ec2").create_tags(Resources=[machine_id], Tags=tags)

    def said_on(self, machine_id: str, file: str) -> str:
        """A file on a machine; nothing if it is not there (yet)."""
        return self.bed.run_on(machine_id, "cat", file, check=False).stdout


def small(config: dict[str, Any], endpoint: str) -> dict[str, Any]:
    """The same cluster with nodes that this machine can carry, and nothing to install."""
    credentials = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "endpoint_url": endpoint}
    config["provider"] |= {"use_internal_ips": True, "aws_credentials": credentials}
    config["auth"]["ssh_user"] = "root"
    config["setup_commands"] = []
    config["available_node_types"] = {name: config["available_node_types"][name] for name in KEPT}
    for name, node_type in config["available_node_types"].items():
        node_type["node_config"]["ImageId"] = IMAGE
        if name != "head":
            node_type["resources"] = {"CPU": 2, "memory": 1_000_000_000}
    for key in ("head_start_ray_commands", "worker_start_ray_commands"):
        config[key] = [f"{command} --object-store-memory=200000000" for command in config[key]]
    return config


def wait_for(what: str, true: Callable[[], Any], timeout_s: float) -> Any:
    """The first answer that is true. Raises AssertionError."""
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        if answer := true():
            return answer
        time.sleep(0.3)
    raise AssertionError(f"not within {timeout_s:.0f} s: {what}")
