"""A pool's cluster dies under a running job: the attempt is lost, and the job runs again only if it can resume."""

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cluster import Head, head, kill9
from embedded import wait_for
from server import HELLO, Server, attached, launched, layout_of_pool, serving

from sample import sampled

pytestmark = [pytest.mark.slow, sampled("test_pool_dies")]

RESUMABLE = {"spillover/resumable": "true"}


def counted(file: Path, go: Path) -> str:
    """An entrypoint that leaves a line in `file` when it starts, and ends when `go` is there."""
    return f"{sys.executable} {HELLO / 'hello.py'} --append {file} && until [ -e {go} ]; do sleep 0.1; done; echo went"


def story(spillover: Server, submission_id: str) -> dict[str, Any]:
    """What `spillover explain JOB --json` says."""
    explained: dict[str, Any] = spillover.spillover("explain", submission_id)
    return explained


@pytest.fixture
def folder(root: Path) -> Path:
    (root / "s").mkdir()
    return root / "s"


@pytest.fixture(scope="module")
def shared(module_root: Path) -> Iterator[Head]:
    with head(module_root, cpus=2) as made:
        yield made


@pytest.fixture
def cluster(shared: Head) -> Head:
    """Up, whatever an earlier test did to it."""
    if not shared.answers():
        shared.kill9()
        shared.start()
    return shared


def test_a_launched_pool_that_is_killed_is_raised_again(root: Path, folder: Path) -> None:
    """When all processes of a launched pool die, a resumable job runs again under its id; another fails and says why."""
    pool = launched(root, "p", role="baseline", unreachable_after="6s")
    file, go = folder / "runs", folder / "go"
    with serving(Server(folder, {"onprem": pool})) as spillover:
        wait_for("the pool to be up", lambda: spillover.pool("onprem")["status"] == "up", 120)
        spillover.submit(counted(file, go), submission_id="resumable", metadata=RESUMABLE)
        spillover.submit(counted(file, go), submission_id="plain")
        spillover.wait_status("resumable", "running")
        spillover.wait_status("plain", "running")
        kill9([layout_of_pool(pool).mark])
        spillover.wait_status("resumable", "unreachable")
        assert "may still run there" in spillover.job("resumable")["message"]

        spillover.wait_status("plain", "failed")
        failed = story(spillover, "plain")
        (attempt,) = failed["attempts"]
        assert attempt["outcome"] == "lost"
        assert "not marked spillover/resumable" in failed["job"]["message"]
        assert "nodes of pool onprem are gone" in failed["job"]["message"]
        done = spillover.ray("job", "status", "plain")
        assert "not marked spillover/resumable" in done.out

        go.touch()
        spillover.wait_status("resumable", "succeeded", timeout_s=120)
        first, second = story(spillover, "resumable")["attempts"]
        assert (first["outcome"], second["outcome"]) == ("lost", "succeeded")
        assert second["attempt_id"] == "resumable-a2"
        assert sorted(file.read_text().splitlines()) == ["plain 1", "resumable 1", "resumable-a2 2"]
        shown = spillover.ray("job", "logs", "-f", "resumable")
        assert (shown.code, "went" in shown.out) == (0, True), shown.text
        texts = [event["text"] for event in spillover.api("events?subject=pool:onprem")["items"]]
        assert any("down: the provider has no node of it left" in text for text in texts), texts


def test_an_attached_cluster_that_restarts_is_another_one(cluster: Head, folder: Path) -> None:
    """Of an attached cluster that comes back with a new session, jobs are unreachable, then lost, then run again."""
    file, go = folder / "runs", folder / "go"
    with serving(Server(folder, {"onprem": attached(cluster, unreachable_after="4s")})) as spillover:
        wait_for("the pool to be up", lambda: spillover.pool("onprem")["status"] == "up")
        spillover.submit(counted(file, go), submission_id="resumable", metadata=RESUMABLE)
        spillover.submit(counted(file, go), submission_id="plain")
        spillover.wait_status("resumable", "running")
        spillover.wait_status("plain", "running")
        cluster.kill9()
        spillover.wait_status("resumable", "unreachable")
        assert spillover.job("resumable")["status"] == "RUNNING", "Ray's clients know no better word"
        cluster.start()
        wait_for("the pool to be up again", lambda: spillover.pool("onprem")["status"] == "up")
        # Workers of the old session may live on for Ray's reconnect timeout: nothing may start yet
        assert spillover.status("resumable") == "unreachable"
        assert len(story(spillover, "resumable")["attempts"]) == 1

        go.touch()
        spillover.wait_status("resumable", "succeeded", timeout_s=150)
        first, second = story(spillover, "resumable")["attempts"]
        assert first["outcome"] == "lost"
        assert "restarted: its Ray session is another one" in first["message"]
        assert second["committed_at"] - first["ended_at"] >= 5
        spillover.wait_status("plain", "failed")
        assert "not marked spillover/resumable" in spillover.job("plain")["message"]
        assert sorted(file.read_text().split()[::2]) == ["plain", "resumable", "resumable-a2"]


def test_an_operator_fences_a_pool_that_is_gone(cluster: Head, folder: Path) -> None:
    """`spillover fence POOL` declares an unreachable pool's jobs lost: they run again when there is a pool."""
    file, go = folder / "runs", folder / "go"
    with serving(Server(folder, {"onprem": attached(cluster, unreachable_after="4s")})) as spillover:
        wait_for("the pool to be up", lambda: spillover.pool("onprem")["status"] == "up")
        spillover.submit(counted(file, go), submission_id="fenced", metadata=RESUMABLE)
        spillover.wait_status("fenced", "running")
        cluster.kill9()
        spillover.wait_status("fenced", "unreachable")
        answer = spillover.spillover("fence", "onprem")
        assert "1 attempts on it count as lost" in json.dumps(answer), answer
        spillover.wait_status("fenced", "queued")
        (attempt,) = story(spillover, "fenced")["attempts"]
        assert (attempt["outcome"], attempt["message"]) == ("lost", "Pool onprem was fenced by an operator.")
        go.touch()
        cluster.start()
        spillover.wait_status("fenced", "succeeded")
        assert [a["outcome"] for a in story(spillover, "fenced")["attempts"]] == ["lost", "succeeded"]


def test_a_pool_that_comes_back_goes_on(cluster: Head, folder: Path) -> None:
    """A cluster that merely does not answer for a while keeps its jobs: they go on, and none runs twice."""
    file, go = folder / "runs", folder / "go"
    with serving(Server(folder, {"onprem": attached(cluster, unreachable_after="4s")})) as spillover:
        wait_for("the pool to be up", lambda: spillover.pool("onprem")["status"] == "up")
        spillover.submit(counted(file, go), submission_id="job", metadata=RESUMABLE)
        spillover.wait_status("job", "running")
        dashboards = cluster.dashboards()
        assert dashboards
        for pid in dashboards:
            os.kill(pid, signal.SIGSTOP)
        try:
            spillover.wait_status("job", "unreachable")
        finally:
            for pid in dashboards:
                os.kill(pid, signal.SIGCONT)
        spillover.wait_status("job", "running")
        go.touch()
        spillover.wait_status("job", "succeeded")
        assert [a["outcome"] for a in story(spillover, "job")["attempts"]] == ["succeeded"]
        assert file.read_text() == "job 1\n"
