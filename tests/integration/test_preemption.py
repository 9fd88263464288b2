"""A training job on nodes that are taken away, on a real cluster and with its checkpoints on S3."""

import asyncio
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cluster import kill9
from embedded import dashboard, embedded_config, get, layout_of, wait_for

from moto_server import cloud
from sample import sampled
from spillover.adapters.ray_launcher import RayLauncher, write_config
from spillover.node.local import LocalNodeProvider

pytestmark = [pytest.mark.slow, sampled("test_preemption")]

JOBS = Path(__file__).parents[2] / "jobs"
RAY = str(Path(sys.executable).parent / "ray")
STEPS = 350  # more than two ranks can do before the deadline, even on cores twice as fast
SHORT = 150
CHECKPOINT_EVERY = 50
NOTICE_S = 12
AWS = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_EC2_METADATA_DISABLED": "true"}
RESUMED = re.compile(
    r"resumed at step (\d+) of \d+ with (\d) of 2 workers, (\d+) steps \(([\d.]+) s\) lost, ([\d.]+) s without work"
)


@dataclass
class Cluster:
    """A head and two workers of one CPU each; a worker that is lost is replaced."""

    config: dict[str, Any]

    def __post_init__(self) -> None:
        self.layout = layout_of(self.config)
        self.provider = LocalNodeProvider(self.config["provider"], self.config["cluster_name"])

    def read(self, path: str) -> Any:
        status, body = get(dashboard(self.config) + path, self.layout.token_file.read_text())
        assert status == 200, (path, status)
        return body

    def workers(self) -> dict[str, str]:
        """Live workers: Ray's node id by address."""
        nodes = self.read("/api/v0/nodes?detail=1")["data"]["result"]["result"]
        return {n["node_ip"]: n["node_id"] for n in nodes if n["state"] == "ALIVE" and not n["is_head_node"]}

    def machine(self, ip: str) -> str:
        """The provider's id of the node at an address."""
        nodes = self.provider.non_terminated_nodes({})
        return next(node for node in nodes if self.provider.internal_ip(node) == ip)

    def ray(self, *words: str) -> None:
        """Run Ray's command line as a user of this cluster."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
        login = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(self.layout.token_file)}
        done = subprocess.run([RAY, *words], env=clean | login, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def drain(self, node_id: str) -> None:
        """What a poller does that has read a provider's notice."""
        gcs = f"{self.config['provider']['net']}.1:{self.layout.ports()['SPILLOVER_GCS_PORT']}"
        self.ray(
            *("drain-node", "--address", gcs, "--node-id", node_id, "--reason", "DRAIN_NODE_REASON_PREEMPTION"),
            *("--reason-message", "spot", "--deadline-remaining-seconds", str(NOTICE_S)),
        )


@dataclass
class Job:
    """A run of the language model's trainer."""

    cluster: Cluster
    name: str

    def log(self) -> str:
        text: str = self.cluster.read(f"/api/jobs/{self.name}/logs")["logs"]
        return text

    def status(self) -> str:
        said: str = self.cluster.read(f"/api/jobs/{self.name}")["status"]
        return said

    def reaches(self, step: int) -> bool:
        """Whether it says that it is past a step. It must not have failed."""
        assert self.status() != "FAILED", self.log()
        return any(int(at) >= step for at in re.findall(r"^.*step (\d+)/", self.log(), re.MULTILINE))

    def finishes(self) -> str:
        """Its log, once it has succeeded."""
        wait_for(f"{self.name} to end", lambda: self.status() in ("SUCCEEDED", "FAILED"), timeout_s=120)
        log = self.log()
        assert self.status() == "SUCCEEDED", log
        print(log)  # pytest shows it if the test fails
        return log


@contextmanager
def job(cluster: Cluster, name: str, storage: str, run: str, steps: int) -> Iterator[Job]:
    """A job that is under way, and is stopped if the test fails, for the next one needs its nodes."""
    variables = ", ".join(f'"{name}": "{value}"' for name, value in AWS.items())
    address = ("--address", dashboard(cluster.config))
    cluster.ray(
        *("job", "submit", *address, "--no-wait", "--submission-id", name, "--working-dir", str(JOBS)),
        *("--runtime-env-json", f'{{"env_vars": {{{variables}}}}}', "--", "python", "-m", "lm.train", "spot"),
        *("workers=1:2", f"steps={steps}", f"checkpoints.every={CHECKPOINT_EVERY} steps", "tell.every_s=1"),
        *("data.source=python", f"name={run}", f"checkpoints.storage={storage}"),
    )
    made = Job(cluster, name)
    try:
        yield made
    finally:
        if made.status() == "RUNNING":
            cluster.ray("job", "stop", *address, name)


@pytest.fixture(scope="module")
def storage() -> Iterator[str]:
    with cloud() as server:
        yield "s3://runs/train" + server.bucket("runs")


@pytest.fixture(scope="module")
def cluster(module_root: Path) -> Iterator[Cluster]:
    config = embedded_config(module_root, max_workers=2)
    config["available_node_types"]["worker"] |= {"min_workers": 2, "resources": {"CPU": 1, "memory": 4000000000}}
    path, log = module_root / "pool.yaml", module_root / "up.log"
    write_config(config, path, max_workers=2)
    asyncio.run(RayLauncher().raise_cluster(path, no_restart=False, log_path=log))
    yield Cluster(config)
    asyncio.run(RayLauncher().fold(path, log))


def resumed(log: str) -> list[tuple[int, int, int]]:
    """Of each resumption: its step, its workers, and the steps that were lost before it."""
    return [(int(step), int(workers), int(lost)) for step, workers, lost, _, _ in RESUMED.findall(log)]


@pytest.mark.skipif(not os.environ.get("SPILLOVER_SOAK"), reason="with SPILLOVER_SOAK: test_story.py has a notice, too")
def test_a_notice_costs_no_step(cluster: Cluster, storage: str) -> None:
    """After a node was drained and ended at the deadline the run goes on from a checkpoint of the last seconds."""
    wait_for("two workers", lambda: len(cluster.workers()) == 2)
    with job(cluster, "noticed", storage, "noticed", STEPS) as noticed:
        wait_for("the job to be under way", lambda: noticed.reaches(1))
        ip, node_id = next(iter(cluster.workers().items()))
        machine = cluster.machine(ip)
        cluster.drain(node_id)
        deadline = time.monotonic() + NOTICE_S
        wait_for("the deadline", lambda: time.monotonic() >= deadline)
        cluster.provider.terminate_node(machine)
        log = noticed.finishes()
    assert "a node goes: checkpoint at step" in log
    assert "the deadline is near: checkpoint at step" in log
    assert max(lost for _, _, lost in resumed(log)) <= 2


def test_without_a_notice_the_last_checkpoint_counts(cluster: Cluster, storage: str) -> None:
    """A node that dies unannounced costs the steps since the last periodic checkpoint, and the log says how many."""
    wait_for("two workers", lambda: len(cluster.workers()) == 2)
    with job(cluster, "unnoticed", storage, "unnoticed", SHORT) as unnoticed:
        wait_for("a first checkpoint", lambda: unnoticed.reaches(CHECKPOINT_EVERY + 20))
        kill9([cluster.layout.node_mark(cluster.machine(next(iter(cluster.workers()))))])
        log = unnoticed.finishes()
    step, _, lost = resumed(log)[0]
    assert step % CHECKPOINT_EVERY == 0
    assert 0 < lost < 2 * CHECKPOINT_EVERY


@pytest.mark.skipif(not os.environ.get("SPILLOVER_SOAK"), reason="with SPILLOVER_SOAK: another 45 s")
def test_a_new_job_goes_on_from_storage(cluster: Cluster, storage: str) -> None:
    """A job that is submitted anew under the same run name finds all that it needs in its storage."""
    with job(cluster, "again", storage, "unnoticed", SHORT + 20) as again:
        assert [(step, lost) for step, _, lost in resumed(again.finishes())] == [(SHORT, 0)]
