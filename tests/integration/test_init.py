"""`spillover init` as a person's first ten minutes: what it writes is checked, served, and takes a first job."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cluster import head
from embedded import wait_for
from server import BIN, _free_port, clean_environment, http, ray_environment, run

from sample import sampled
from spillover.node import processes
from spillover.node.local import end_cluster
from spillover.node.local_layout import Layout

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), sampled("test_init")]

A_JOB = ("--", "python", "-c", "import ray; ray.init(); print('CPUs', ray.cluster_resources().get('CPU'))")


@pytest.fixture
def person(root: Path) -> Iterator[Path]:
    """A home folder, short enough for Ray's sockets. Whatever local clusters are left there are ended."""
    home = root / "h"
    home.mkdir()
    yield home
    for state in (home / ".spillover").glob("*.json"):
        if state.stem != "server":
            end_cluster(home / ".spillover", state.stem)


@contextmanager
def up(home: Path, folder: Path) -> Iterator[dict[str, str]]:
    """`spillover up` with the settings as they stand but for the port; what Ray's clients export. Folds at the end."""
    port, log = _free_port(), home / "up.log"
    command = [
        str(BIN / "spillover"),
        "up",
        "-c",
        str(folder / "spillover.yaml"),
        f"listen.port={port}",
        "--fold-on-exit",
    ]
    with log.open("ab") as out:
        process = subprocess.Popen(command, env=clean_environment(home), cwd=home, stdout=out, stderr=out)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for("Spillover to serve", lambda: process.poll() is not None or _serves(address), 30)
        assert process.poll() is None, log.read_text()
        yield ray_environment(address, (home / ".spillover" / "token").read_text().strip(), home)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def _serves(address: str) -> bool:
    try:
        return http("GET", f"{address}/api/spillover/v1/health", None, timeout_s=5).status == 200
    except OSError:
        return False


def test_an_own_cluster_takes_its_first_job_and_bursts(root, person):
    """From a running Ray cluster to a job through Spillover: init, check, up, `ray job submit`; then one that bursts."""
    folder, environment = person / "site", clean_environment(person)
    with head(root, cpus=2, labels={"zone": "a"}) as cluster:
        done = run(
            "spillover", "init", str(folder), "--attach", cluster.address, "--price-usd-per-hour", "0.5",
            "--token-file", str(cluster.layout.token_file), "--with-burst", env=environment,
        )  # fmt: skip
        assert done.code == 0, done.text
        checked = run("spillover", "check", "-c", str(folder / "spillover.yaml"), env=environment)
        assert checked.code == 0, checked.text
        assert "is fine: 2 pools, policy threshold; onprem answers with 1 node of Ray 2." in checked.out
        with up(person, folder) as clients:
            first = run("ray", "job", "submit", *A_JOB, env=clients)
            assert first.code == 0, first.text
            assert "CPUs 2.0" in first.text
            burst = run(
                "ray", "job", "submit", "--metadata-json", '{"spillover/pools": "cloud"}', *A_JOB, env=clients, timeout_s=180
            )  # fmt: skip
            assert burst.code == 0, burst.text
            assert "Bursts to cloud" in burst.text
    layout = Layout.of({"root": person / ".spillover", "port_base": 31000}, "cloud")
    assert processes.find([layout.mark]) == [], "it was folded"


def test_the_starting_set_takes_its_first_job(person):
    """Without any cluster: init, check, up, and a job runs on the cluster of local processes."""
    folder, environment = person / "site", clean_environment(person)
    assert run("spillover", "init", str(folder), env=environment).code == 0
    checked = run("spillover", "check", "-c", str(folder / "spillover.yaml"), env=environment)
    assert (checked.code, checked.out) == (0, f"{folder}/spillover.yaml is fine: 1 pool, policy threshold.\n")
    with up(person, folder) as clients:
        first = run("ray", "job", "submit", *A_JOB, env=clients, timeout_s=180)
        assert first.code == 0, first.text
        assert "succeeded" in first.text
