"""Many jobs at once: none is lost, none runs twice, and they go in the order in which they came."""

import itertools
import os
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cluster import Head, head
from embedded import wait_for
from server import Server, attached, serving

from sample import sampled

pytestmark = [pytest.mark.slow, sampled("test_many")]

JOBS = 200 if os.environ.get("SPILLOVER_SOAK") else 80
THREADS, DRIVERS = 20, 8


@pytest.fixture
def cluster(root: Path) -> Iterator[Head]:
    with head(root, cpus=2) as made:
        yield made


@pytest.mark.timeout(900)
def test_many_jobs_at_once(root: Path, cluster: Head) -> None:
    """Of many jobs from 20 threads each runs once; jobs are placed in exactly the order of their submission, so that
    one can be passed at its start only by those that were on the pool together with it."""
    folder, file = root / "s", root / "runs"
    folder.mkdir()
    pool = attached(cluster, max_drivers=DRIVERS, unreachable_after="60s")
    with serving(Server(folder, {"onprem": pool}, defaults={"demand": "1x{CPU:0.25}", "runtime": "5s"})) as spillover:
        wait_for("the pool to be up", lambda: spillover.pool("onprem")["status"] == "up")
        began = time.monotonic()
        accepted = submit_from_threads(spillover, file)
        submitted_s = time.monotonic() - began
        wait_for("all to run", lambda: lines(file) >= JOBS, 700)
        wait_for("all to end", lambda: not spillover.api("queue?limit=1")["items"], 60)
        took_s = time.monotonic() - began
        rate = f"{JOBS / took_s:.2f} a second"
        print(f"{JOBS} jobs: accepted in {submitted_s:.1f} s, ended after {took_s:.1f} s, {rate}")

        stories = [spillover.explain(name) for name in itertools.chain(*accepted)]
    assert Counter(story["job"]["status"] for story in stories) == {"succeeded": JOBS}
    started = file.read_text().split()
    assert Counter(started) == Counter(itertools.chain(*accepted)), "each runs once"
    assert all(len(story["attempts"]) == 1 for story in stories)

    stories.sort(key=lambda story: story["job"]["submitted_at"])
    names = [story["job"]["submission_id"] for story in stories]
    for mine in accepted:
        assert sorted(mine, key=names.index) == mine, "each client's jobs are in the order in which it sent them"
    # What is promised: a job is placed after every one that was submitted before it (all are of one team and shape).
    placed = [story["attempts"][0]["committed_at"] for story in stories]
    assert placed == sorted(placed)
    # What follows for the real starts, which the cluster makes: those placed side by side may overtake each other.
    place = {name: index for index, name in enumerate(started)}
    overtook = [sum(place[earlier] > place[name] for earlier in names[:index]) for index, name in enumerate(names)]
    print(f"{sum(map(bool, overtook))} of {JOBS} jobs overtook others, {max(overtook)} at most")
    assert max(overtook) < DRIVERS


def submit_from_threads(spillover: Server, file: Path) -> list[list[str]]:
    """Each thread's ids, in the order in which it sent them."""

    def client(thread: int) -> list[str]:
        ray = spillover.client()
        names = [f"t{thread}-{n}" for n in range(JOBS // THREADS)]
        return [ray.submit_job(entrypoint=f"echo {name} >> {file}", submission_id=name) for name in names]

    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(client, range(THREADS)))


def lines(file: Path) -> int:
    return file.read_text().count("\n") if file.exists() else 0
