"""Machines under a lease, on real Ray in the test bed's cloud: what each does by itself, with no Spillover running."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aws_nodes import BurstCluster, wait_for

from sample import sampled
from spillover.domain.provider import Lease
from testbed.bed import testbed

pytestmark = [pytest.mark.slow, pytest.mark.testbed, sampled("test_aws_nodes")]

FIRST_S = 30.0
# So much that Ray's command line gets through on a busy machine: a quarter of it is the warning
CUT_SHORT_TO_S = 80.0
# From the deadline to the end: the watchdog looks each second, and a host of the test bed ends at once
SLACK_S = 15.0
ITSELF = "Client.InstanceInitiatedShutdown"
POLLERS_LOCK = "/tmp/spillover-notices-0.lock"
TERM_ALL_WATCHDOGS = "for f in /proc/[0-9]*/cmdline; do grep -q 'lease_watchdog[.]py' $f && kill -TERM $(echo $f | cut -d/ -f3); done; true"


@pytest.fixture(scope="module")
def cluster(module_root: Path) -> Iterator[BurstCluster]:
    """clusters/aws-burst.yaml, raised by `ray up` under a lease of an hour."""
    with testbed(module_root / "bed", hosts=0) as bed:
        cluster = BurstCluster(bed, Lease("lease-1", "aws", 3, time.time() + 3600, FIRST_S))
        cluster.up()
        yield cluster


def drains(cluster: BurstCluster) -> list[str]:
    """The nodes that the job's driver was told are draining, in order."""
    return re.findall(r"^drains (\w{56})$", cluster.logs("job"), re.MULTILINE)


def task_runs_on(cluster: BurstCluster, machine: dict[str, Any]) -> bool:
    """Whether the task has begun on this machine."""
    return bool(re.search(rf"\bon {machine['id']}$", cluster.logs("job"), re.MULTILINE))


def ray_node(cluster: BurstCluster, machine: dict[str, Any]) -> dict[str, Any]:
    """A machine's node in Ray."""
    return next(node for node in cluster.nodes() if node["node_ip"] == machine["ip"])


def watchdog_said(cluster: BurstCluster, machine: dict[str, Any]) -> str:
    return cluster.said_on(machine["id"], "/var/log/spillover-lease.log")


def poller_said(cluster: BurstCluster, machine: dict[str, Any]) -> str:
    return cluster.said_on(machine["id"], "/tmp/spillover-notices.log")


def worker(cluster: BurstCluster, *, but: frozenset[str] = frozenset(), timeout_s: float = 150) -> dict[str, Any]:
    """A worker that lives, runs the task, and is none of these."""

    def busy() -> dict[str, Any] | None:
        new = [machine for machine in cluster.machines("worker") if machine["id"] not in but]
        return next((machine for machine in new if task_runs_on(cluster, machine)), None)

    found: dict[str, Any] = wait_for("a worker with the task", busy, timeout_s)
    return found


def test_every_machine_is_born_with_its_lease(cluster: BurstCluster) -> None:
    """A job scales the cluster from zero onto spot, before on-demand; each machine had its tags when it was created."""
    assert cluster.machines("worker") == []
    cluster.submit("job", 600)
    first = worker(cluster)
    assert (first["market"], first["type"]) == ("spot", "m5.2xlarge")
    assert ray_node(cluster, first)["labels"]["spillover.dev/market"] == "spot"
    for machine in (first, cluster.head()):
        _, tags = machine["tag_history"][0]
        assert tags["spillover-lease"] == "lease-1"
        assert tags["spillover-installation"] == "house"
        assert int(tags["spillover-lease-expires"]) == pytest.approx(cluster.lease.expires_at, abs=1)


def test_a_spot_notice_reaches_the_job(cluster: BurstCluster) -> None:
    """The poller drains the node seconds after EC2's notice, so that the job knows before the machine is taken."""
    taken = worker(cluster)
    node = ray_node(cluster, taken)["node_id"]
    has_poller = ["test", "-e", POLLERS_LOCK]
    wait_for("the poller", lambda: cluster.bed.run_on(taken["id"], *has_poller, check=False).returncode == 0, 30)
    cluster.bed.cloud.interrupt(taken["id"], in_s=30)
    assert wait_for("the drain", lambda: drains(cluster), 28) == [node]
    assert "EC2 takes this spot instance back" in poller_said(cluster, taken)
    assert taken["id"] in {machine["id"] for machine in cluster.machines("worker")}
    after = worker(cluster, but=frozenset({taken["id"]}), timeout_s=180)
    assert drains(cluster) == [node]
    assert task_runs_on(cluster, after)


def test_what_the_cloud_lacks_gives_way(cluster: BurstCluster) -> None:
    """With no spot machine to be had, one on demand of the same size comes; and a zone that has none is passed over."""
    cluster.bed.cloud.capacity({"m5.2xlarge/spot": 0, "m5.2xlarge/on_demand/us-west-2a": 0})
    try:
        cluster.submit("more", 1)

        def on_demand() -> list[dict[str, Any]]:
            return [machine for machine in cluster.machines("worker") if machine["market"] == "on_demand"]

        (instead,) = wait_for("a machine on demand", on_demand, 120)
        assert instead["zone"] != "us-west-2a"
        wait_for("the task to be done there", lambda: f"done on ['{instead['id']}']" in cluster.logs("more"), 120)
    finally:
        cluster.bed.cloud.capacity({"m5.2xlarge/spot": None, "m5.2xlarge/on_demand/us-west-2a": None})
    assert "caps {'cpu-8': 8, 'cpu-8-spot': " in cluster.said_on(cluster.head()["id"], "/tmp/spillover-capacity.log")


def test_a_lease_that_nobody_renews_ends_the_machine(cluster: BurstCluster) -> None:
    """Two leases are about to end. The head's is renewed, and it lives on; a busy worker warns its job and ends itself."""
    doomed, head = worker(cluster), cluster.head()
    node = ray_node(cluster, doomed)["node_id"]
    due = int(time.time() + CUT_SHORT_TO_S)
    for machine in (doomed, head):
        cluster.renew(machine["id"], due)
        wait_for("it was read", lambda m=machine: f"lease {due} ends" in watchdog_said(cluster, m), 15)
    cluster.renew(head["id"], time.time() + 3600)
    wait_for("the drain for the lease", lambda: node in drains(cluster), due - time.time())
    assert "the lease of this machine ends" in poller_said(cluster, doomed)
    assert time.time() > due - CUT_SHORT_TO_S / 4 - 2

    def ended() -> list[dict[str, Any]]:
        return [m for m in cluster.machines("worker", live=False) if m["id"] == doomed["id"] and m["ended"]]

    (gone,) = wait_for("its end", ended, due - time.time() + SLACK_S + 5)
    assert gone["end_cause"] == ITSELF
    assert -1 <= gone["ended"] - due <= SLACK_S
    time.sleep(max(0.0, due + SLACK_S - time.time()))
    assert cluster.head()["id"] == head["id"]


def test_a_machine_that_hears_nothing_keeps_its_last_word(cluster: BurstCluster) -> None:
    """The head's lease is cut short, then its metadata service goes silent and its watchdog is told to stop."""
    head = cluster.head()
    due = int(time.time() + 20)
    cluster.renew(head["id"], due)
    wait_for("it was read", lambda: f"lease {due} ends" in watchdog_said(cluster, head), 15)
    cluster.bed.cloud.silence_metadata("*")
    cluster.bed.run_on(head["id"], "sh", "-c", TERM_ALL_WATCHDOGS)
    wait_for("its end", lambda: not cluster.machines("head"), due - time.time() + SLACK_S)
    (gone,) = cluster.machines("head", live=False)
    assert gone["end_cause"] == ITSELF
    assert gone["ended"] >= due - 1
