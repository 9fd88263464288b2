"""`kill -9` of Spillover at any moment: every accepted job runs exactly once, and its output is whole.

SPILLOVER_SOAK=1 makes the random loop thirty kills long, SPILLOVER_SEED=N repeats a run of it.
"""

import os
import random
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from cluster import Head, head
from embedded import wait_for
from server import HELLO, Following, Server, attached, http, launched, layout_of_pool, serving

from spillover.node import processes

pytestmark = pytest.mark.slow

LINES = 30
KILLS = 30 if os.environ.get("SPILLOVER_SOAK") else 3


class Place(NamedTuple):
    """A cluster, and Spillover in front of it."""

    cluster: Head
    spillover: Server


@pytest.fixture(scope="module")
def place(module_root: Path) -> Iterator[Place]:
    with head(module_root, cpus=4, resources={"thing": 1}) as cluster:
        folder = module_root / "s"
        folder.mkdir()
        pool = attached(cluster, max_drivers=6)
        with serving(
            Server(folder, {"onprem": pool}, defaults={"demand": "1x{CPU:0.5}", "runtime": "10s"})
        ) as spillover:
            wait_for("the pool to be up", lambda: spillover.pool("onprem")["status"] == "up")
            yield Place(cluster, spillover)


def counted(file: Path, *, lines: int = LINES, pause_s: float = 0.1) -> str:
    """An entrypoint that leaves one line in `file` when it starts, and prints numbered lines slowly."""
    loop = f"i=0; while [ $i -lt {lines} ]; do i=$((i+1)); echo line $i of {lines}; sleep {pause_s}; done"
    return f"{sys.executable} {HELLO / 'hello.py'} --append {file} && {loop}"


def numbers(text: str) -> list[int]:
    return [int(n) for n in re.findall(r"^line (\d+) of", text, re.MULTILINE)]


def runs(file: Path) -> Counter[str]:
    """How often each submission id has started."""
    return Counter(line.split()[0] for line in file.read_text().splitlines()) if file.exists() else Counter()


def check_whole(spillover: Server, file: Path, submission_id: str) -> None:
    """It ran once, and all of its output is there, each line once, in order."""
    assert runs(file)[submission_id] == 1
    assert len(spillover.explain(submission_id)["attempts"]) == 1
    shown = spillover.ray("job", "logs", submission_id)
    assert shown.code == 0, shown.text
    assert numbers(shown.out) == list(range(1, LINES + 1)), shown.text
    followed = spillover.ray("job", "logs", "-f", submission_id)
    assert followed.code == 0, followed.text
    assert numbers(followed.out) == list(range(1, LINES + 1)), followed.text
    assert "succeeded" in followed.out


def kill_with_a_follower(spillover: Server, submission_id: str, sign: str) -> None:
    """Kill the server while `ray job logs -f` shows something, and see that this is not taken for the job's end."""
    follower = Following(spillover, submission_id)
    try:
        wait_for(f"the follower to show {sign!r}", lambda: sign in follower.text)
        spillover.kill9()
        done = follower.end()
    finally:
        follower.close()
    assert done.code != 0, done.text
    assert "succeeded" not in done.text


def test_a_queued_job_survives(place: Place, tmp_path: Path) -> None:
    """A job that waits when Spillover is killed still waits after the restart, then runs once."""
    _, spillover = place
    go, file = tmp_path / "go", tmp_path / "runs"
    blocker = spillover.submit(f"while [ ! -e {go} ]; do sleep 0.2; done", entrypoint_resources={"thing": 1})
    spillover.wait_status(blocker, "running")
    spillover.submit(counted(file), submission_id="queued", entrypoint_resources={"thing": 1})
    kill_with_a_follower(spillover, "queued", "[spillover]")
    spillover.start()
    assert spillover.status("queued") == "queued"
    assert not file.exists()
    go.touch()
    spillover.wait_status("queued", "succeeded")
    check_whole(spillover, file, "queued")


def test_a_starting_job_survives(place: Place, tmp_path: Path) -> None:
    """A job that was just handed to a pool when Spillover is killed is neither lost nor handed over twice."""
    _, spillover = place
    file = tmp_path / "runs"
    spillover.submit(counted(file), submission_id="starting")
    wait_for("it to be starting", lambda: spillover.status("starting") != "queued")
    spillover.kill9()
    spillover.start()
    spillover.wait_status("starting", "succeeded")
    check_whole(spillover, file, "starting")


def test_a_job_killed_within_its_submit_is_there_or_was_never_accepted(place: Place, tmp_path: Path) -> None:
    """Of submits that a kill interrupts, those that were answered run once, and the others once or never."""
    _, spillover = place
    file = tmp_path / "runs"
    accepted: list[str] = []

    def submit() -> None:
        for number in range(1000):
            name = f"cut{number}"
            try:
                accepted.append(spillover.submit(counted(file, lines=1), submission_id=name))
            except OSError:
                return

    thread = threading.Thread(target=submit)
    thread.start()
    wait_for("some to be accepted", lambda: len(accepted) >= 5)
    spillover.kill9()
    thread.join(60)
    spillover.start()
    unanswered = f"cut{len(accepted)}"
    for name in accepted:
        spillover.wait_status(name, "succeeded", timeout_s=120)
    seen = runs(file)
    assert {name: seen[name] for name in accepted} == dict.fromkeys(accepted, 1)
    assert seen.keys() <= {*accepted, unanswered}
    assert seen[unanswered] <= 1


def test_a_running_job_survives(place: Place, tmp_path: Path) -> None:
    """A job that runs when Spillover is killed runs on, and no line of its output is lost or shown twice."""
    _, spillover = place
    file = tmp_path / "runs"
    spillover.submit(counted(file), submission_id="running")
    kill_with_a_follower(spillover, "running", "line 5 of")
    spillover.start()
    spillover.wait_status("running", "succeeded")
    check_whole(spillover, file, "running")


def test_a_server_that_is_stopped_cuts_followers(place: Place, tmp_path: Path) -> None:
    """SIGTERM ends Spillover in seconds although somebody follows a log, and the follower fails loudly."""
    _, spillover = place
    file = tmp_path / "runs"
    spillover.submit(counted(file), submission_id="stopped")
    follower = Following(spillover, "stopped")
    try:
        wait_for("some output", lambda: "line 3 of" in follower.text)
        began = time.monotonic()
        spillover.stop()
        assert time.monotonic() - began < 15
        done = follower.end()
    finally:
        follower.close()
    assert (done.code != 0, "succeeded" in done.text) == (True, False), done.text
    spillover.start()
    spillover.wait_status("stopped", "succeeded")
    check_whole(spillover, file, "stopped")


def test_a_job_that_ended_meanwhile_is_found(place: Place, tmp_path: Path) -> None:
    """A job that ends while Spillover is dead has its end and all of its output after the restart."""
    cluster, spillover = place
    file = tmp_path / "runs"
    spillover.submit(counted(file), submission_id="meanwhile")
    wait_for("some output", lambda: "line 3 of" in spillover.logs("meanwhile"))
    spillover.kill9()
    url = f"{cluster.address}/api/jobs/meanwhile"
    wait_for("the cluster to end it", lambda: http("GET", url, cluster.token).json["status"] == "SUCCEEDED")
    spillover.start()
    spillover.wait_status("meanwhile", "succeeded")
    check_whole(spillover, file, "meanwhile")


def test_pools_are_raised_and_folded_across_kills(root: Path, tmp_path: Path) -> None:
    """A pool that was being raised, ran a job or was being folded when Spillover was killed has one head and one run
    of the job in the end, no restart of Ray under it, and leaves nothing behind."""
    folder, file, go = root / "s", tmp_path / "runs", tmp_path / "go"
    folder.mkdir()
    cloud = launched(root, "c", role="burst")
    cluster = [layout_of_pool(cloud).mark]
    with serving(Server(folder, {"cloud": cloud}, policy={"name": "immediate"})) as spillover:
        spillover.submit(f"{counted(file)}; until [ -e {go} ]; do sleep 0.1; done", submission_id="job")
        wait_for("Ray to be started", lambda: bool(processes.find(cluster)), 60)
        spillover.kill9()
        spillover.start()
        assert spillover.pool("cloud")["status"] == "raising"
        spillover.wait_status("job", "running", timeout_s=120)

        session = http("GET", f"{address(spillover)}/api/version", layout_of_pool(cloud).token_file.read_text())
        spillover.kill9()
        spillover.start()
        wait_for("it to be watched again", lambda: "line 30 of" in spillover.logs("job"))
        again = http("GET", f"{address(spillover)}/api/version", layout_of_pool(cloud).token_file.read_text())
        assert again.json["session_name"] == session.json["session_name"]

        go.touch()
        spillover.wait_status("job", "succeeded")
        wait_for("it to be folded", lambda: spillover.pool("cloud")["status"] == "folding", 60)
        spillover.kill9()
        spillover.start()
        wait_for("it to be down", lambda: spillover.pool("cloud")["status"] == "down", 60)
        assert processes.find(cluster) == []
        texts = [event["text"] for event in spillover.api("events?subject=pool:cloud&limit=1000")["items"]]
        assert sum(text.startswith("raise, lease") for text in texts) == 1, texts
        check_whole(spillover, file, "job")


def address(spillover: Server) -> str:
    return str(spillover.pool("cloud")["address"])


def submit_until_answered(spillover: Server, submission_id: str, entrypoint: str) -> None:
    """As a careful client does: the same id again until there is an answer."""
    body = {"entrypoint": entrypoint, "submission_id": submission_id}
    until = time.monotonic() + 60
    while True:
        try:
            answer = http("POST", f"{spillover.address}/api/jobs/", spillover.token, body)
        except OSError:
            assert time.monotonic() < until
            time.sleep(0.05)
            continue
        assert answer.status == 200 or "already exists" in answer.text, answer
        return


def test_many_kills_at_random(place: Place, tmp_path: Path) -> None:
    """However often and whenever Spillover is killed, each accepted job runs exactly once and its output is whole."""
    _, spillover = place
    file = tmp_path / "runs"
    seed = int(os.environ.get("SPILLOVER_SEED", random.SystemRandom().randrange(10**6)))
    print(f"SPILLOVER_SEED={seed}")  # pytest shows it when the test fails
    dice = random.Random(seed)
    jobs: dict[str, int] = {}
    for kill in range(KILLS):
        batch = {f"k{kill}-{n}": dice.randrange(1, 25) for n in range(6)}
        senders = [
            threading.Thread(target=submit_until_answered, args=(spillover, name, counted(file, lines=lines)))
            for name, lines in batch.items()
        ]
        for sender in senders:
            sender.start()
        time.sleep(dice.uniform(0.0, 3.0))  # the moment of the kill is what is random here
        spillover.kill9()
        spillover.start()
        for sender in senders:
            sender.join(60)
        jobs |= batch
    for name in jobs:
        spillover.wait_status(name, "succeeded", timeout_s=180)
    assert runs(file) == Counter(dict.fromkeys(jobs, 1))
    for name, lines in jobs.items():
        assert numbers(spillover.logs(name)) == list(range(1, lines + 1)), name
