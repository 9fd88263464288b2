"""An owned and a rented pool, both real: work spills over, is stopped in every state, and is paid for to the nanodollar."""

import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from cluster import Head, head
from embedded import wait_for
from server import Server, attached, http, launched, layout_of_pool, serving

from spillover.domain.money import NANOS, cost_nanos
from spillover.node import processes
from spillover.node.local import LocalNodeProvider

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


class Place(NamedTuple):
    """Spillover with one worker of its own, and one for rent."""

    spillover: Server
    cloud: dict[str, Any]


@pytest.fixture(scope="module")
def place(module_root: Path) -> Iterator[Place]:
    folder = module_root / "s"
    folder.mkdir()
    own = launched(module_root, "own", role="baseline")
    cloud = launched(module_root, "cloud", role="burst")
    server = Server(folder, {"onprem": own, "cloud": cloud}, policy={"name": "immediate"})
    with serving(server) as spillover:
        wait_for("the baseline to be up", lambda: spillover.pool("onprem")["status"] == "up", 120)
        yield Place(spillover, cloud)


@pytest.fixture(scope="module")
def spillover(place: Place) -> Server:
    return place.spillover


def submit(spillover: Server, name: str, go: Path) -> None:
    """A job whose entrypoint takes a whole worker until `go` is there."""
    spillover.submit(f"until [ -e {go} ]; do sleep 0.1; done; echo went", submission_id=name, entrypoint_num_cpus=2)


def pool_of(spillover: Server, name: str) -> str:
    return str(spillover.explain(name)["attempts"][-1]["pool"])


def events(spillover: Server, subject: str) -> list[str]:
    return [event["text"] for event in reversed(spillover.api(f"events?subject={subject}&limit=1000")["items"])]


def stop_and_see(spillover: Server, name: str) -> str:
    """Stop it as a user does. Returns the message that it ends with."""
    done = spillover.ray("job", "stop", name)
    assert (done.code, "was stopped" in done.out) == (0, True), done.text
    assert spillover.job(name)["status"] == "STOPPED"
    return str(spillover.job(name)["message"])


def test_work_spills_over_and_the_rented_pool_goes_away_again(place: Place, module_root: Path) -> None:
    """What does not fit on premises is run on a pool raised for it; jobs stop in every state; then no node is left."""
    spillover, go = place.spillover, module_root / "go"
    assert spillover.pool("cloud")["status"] == "down"
    submit(spillover, "home", go)
    spillover.wait_status("home", "running")
    assert pool_of(spillover, "home") == "onprem"

    submit(spillover, "early", go)
    wait_for("the cloud to be raised", lambda: spillover.pool("cloud")["status"] == "raising")
    lease = spillover.pool("cloud")["lease"]
    assert lease["max_nodes"] == 1
    assert f"raise, lease {lease['id']}: at most 1 nodes for 600 s" in events(spillover, "pool:cloud")
    assert spillover.status("early") == "starting"
    assert stop_and_see(spillover, "early") == "Job was stopped before it started."

    submit(spillover, "away", go)
    wait_for("it to be placed", lambda: spillover.status("away") == "starting")
    assert pool_of(spillover, "away") == "cloud"
    submit(spillover, "queued", go)
    wait_for("its reason", lambda: bool(spillover.explain("queued")["job"]["reason"]))
    assert spillover.status("queued") == "queued"
    assert stop_and_see(spillover, "queued") == "Job was stopped while it waited."

    wait_for("the head to have it", lambda: spillover.explain("away")["attempts"][0]["status"] == "handed", 90)
    assert spillover.job("away")["status"] == "PENDING"
    stop_and_see(spillover, "away")

    submit(spillover, "again", go)
    spillover.wait_status("again", "running")
    assert pool_of(spillover, "again") == "cloud"
    decision = spillover.explain("again")["decisions"][-1]
    assert decision["reason"] == "burst_immediate"
    assert "bursts" in decision["sentence"].lower() or "rent" in decision["sentence"].lower(), decision

    stop_and_see(spillover, "home")
    go.touch()
    spillover.wait_status("again", "succeeded")
    assert "went\n" in spillover.logs("again")
    wait_for("the cloud to be down", lambda: spillover.pool("cloud")["status"] == "down", 90)
    texts = events(spillover, "pool:cloud")
    assert any(text.startswith("fold: idle for") for text in texts), texts
    assert texts[-1] == "down: the provider has no node of it left"
    cluster = yaml.safe_load(Path(place.cloud["cluster"]).read_text())
    assert LocalNodeProvider(cluster["provider"], cluster["cluster_name"]).non_terminated_nodes({}) == []
    assert processes.find([layout_of_pool(place.cloud).mark]) == []


def test_the_ledger_adds_up(spillover: Server) -> None:
    """What was spent on jobs, heads and idle time adds up to what the nodes cost, exactly, on both pools."""
    wait_for("the cloud's meters to stop", lambda: not open_nodes(spillover, "cloud"))
    shown = spillover.spillover("cost", "--by", "pool,job")
    rows = {(row["pool"], row["kind"]) for row in shown["rows"]}
    assert rows >= {(pool, kind) for pool in ("onprem", "cloud") for kind in ("head", "idle", "job")}
    assert (
        sum(nanos(row["usd"]) for row in shown["rows"]) == nanos(shown["node_total_usd"]) == nanos(shown["total_usd"])
    )
    paid = {row["job"] for row in shown["rows"] if row["kind"] == "job" and row["usd"] > 0}
    assert paid >= {"home", "again"}
    assert paid.isdisjoint({"early", "queued"}), "those that no node was up for cost nothing"

    with sqlite3.connect(f"file:{spillover.state_dir / 'spillover.db'}?mode=ro", uri=True) as db:
        db.execute("BEGIN")
        spent = {
            (pool, node): nano_usd
            for pool, node, nano_usd in db.execute(
                "SELECT pool, node_id, sum(nano_usd) FROM ledger GROUP BY pool, node_id"
            )
        }
        nodes = db.execute("SELECT pool, node_id, price_usd_per_hour, since, metered_until FROM nodes").fetchall()
        spans = db.execute(
            'SELECT pool, node_id, start, "end", sum(node_s) FROM ledger GROUP BY pool, node_id, start'
        ).fetchall()
    db.close()
    assert {(pool, node): cost_nanos(price, since, until) for pool, node, price, since, until in nodes} == spent
    assert all(abs(parts - (end - start)) < 1e-6 for _, _, start, end, parts in spans), "and so do the node-seconds"


def open_nodes(spillover: Server, pool: str) -> float:
    return float(spillover.pool(pool)["usd_per_hour"])


def nanos(usd: float) -> int:
    return round(usd * NANOS)


def test_a_threshold_keeps_the_first_jobs_at_home(module_root: Path) -> None:
    """Under the policy `threshold` only jobs beyond the rule burst, and the first in the queue waits for owned room."""
    folder, go = module_root / "t", module_root / "go2"
    folder.mkdir()
    pools = {
        "onprem": launched(module_root, "own2", role="baseline"),
        "cloud": launched(module_root, "cloud2", role="burst", startup="5s"),
    }
    policy = {"name": "threshold", "rules": ["2 jobs of any age"]}
    with serving(Server(folder, pools, policy=policy)) as spillover:
        wait_for("the baseline to be up", lambda: spillover.pool("onprem")["status"] == "up", 120)
        for name in ("one", "two", "three"):
            submit(spillover, name, go)
        spillover.wait_status("three", "starting", "running")
        assert pool_of(spillover, "one") == "onprem"
        assert spillover.status("two") == "queued"
        assert pool_of(spillover, "three") == "cloud"
        assert spillover.explain("three")["decisions"][-1]["reason"] == "burst_threshold"
        assert spillover.stop_job("three")
        spillover.wait_status("three", "stopped")
        go.touch()
        spillover.wait_status("two", "succeeded", timeout_s=120)
        assert pool_of(spillover, "two") == "onprem"
        assert http("DELETE", f"{spillover.address}/api/jobs/two", spillover.token).json == {"deleted": True}


@pytest.fixture
def cluster(root: Path) -> Iterator[Head]:
    with head(root, cpus=2) as made:
        yield made


def test_nothing_is_rented_before_the_owned_pool_was_looked_at(root: Path, cluster: Head) -> None:
    """After a restart, and while an owned pool is slow to answer its first look, no job bursts past its free room."""
    folder = root / "s"
    folder.mkdir()
    pools = {"onprem": attached(cluster, unreachable_after="60s"), "cloud": launched(root, "c", role="burst")}
    with serving(Server(folder, pools, policy={"name": "immediate"})) as spillover:
        wait_for("the baseline to be up", lambda: spillover.pool("onprem")["status"] == "up")
        spillover.kill9()
        slow = cluster.dashboards()
        for pid in slow:
            os.kill(pid, signal.SIGSTOP)
        try:
            spillover.start()
            spillover.submit("true", submission_id="patient")
            wait_for("a decision or three seconds", _a_while(spillover, "patient"), 10)
        finally:
            for pid in slow:
                os.kill(pid, signal.SIGCONT)
        spillover.wait_status("patient", "succeeded")
        assert pool_of(spillover, "patient") == "onprem"
        assert spillover.pool("cloud")["status"] == "down"


def _a_while(spillover: Server, name: str) -> Callable[[], bool]:
    until = time.monotonic() + 3
    return lambda: time.monotonic() > until or spillover.status(name) != "queued"
