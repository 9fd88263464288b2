"""Two embedded pools: what really happened there is replayed from its own history, and a job comes home from one."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import pytest
import yaml
from embedded import wait_for
from server import Server, launched, serving

from sample import sampled
from spillover.adapters.sql_store import SqlStore
from spillover.backtest.counterfactual import traced
from spillover.backtest.replay import replay
from spillover.backtest.timing import measure
from spillover.backtest.trace import JobRun
from spillover.bootstrap.settings import make_named_policy, make_pool
from spillover.config import load_settings
from spillover.domain.past import PastJob

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    sampled("test_recorded_run"),
]

MEDIAN_ERROR, LARGEST_ERROR = 0.075, 0.15
"""How far a replay's times may be off, as a share of the whole run (docs/explanation/how-a-decision-is-made.md)."""


@pytest.fixture(scope="module")
def spillover(module_root: Path) -> Iterator[Server]:
    """An owned worker of two CPUs and a rented one of four, under a rule of depth alone."""
    folder = module_root / "s"
    folder.mkdir()
    pools = {
        "onprem": launched(module_root, "own", role="baseline"),
        "cloud": launched(module_root, "cloud", role="burst", cpus=4, idle_timeout="120s", startup="10s"),
    }
    for name, pool in pools.items():
        steady(Path(pool["cluster"]), min_workers=1 if name == "onprem" else 0)
    policy = {"name": "threshold", "rules": ["3 jobs of any age"]}
    with serving(Server(folder, pools, policy=policy, move_cooldown="5s")) as server:
        wait_for("the owned worker to be up", lambda: len(server.pool("onprem")["nodes"]) == 2, 120)
        yield server


def steady(file: Path, *, min_workers: int) -> None:
    """Owned workers are always up, and rented ones stay as long as their pool: as replays have it."""
    config = yaml.safe_load(file.read_text())
    config["idle_timeout_minutes"] = 5
    config["available_node_types"]["worker"]["min_workers"] = min_workers
    file.write_text(yaml.safe_dump(config, sort_keys=False))


class Asked(NamedTuple):
    """A job that sleeps."""

    name: str
    cpus: int
    seconds: float


# Three may not wait: the third of them is rented for, if there is room to rent
COLD = [
    Asked("a1", 2, 3),
    Asked("a2", 1, 2),
    Asked("a3", 1, 3),
    Asked("a4", 2, 3),
    Asked("a5", 2, 4),
    Asked("a6", 2, 1),
]
WARM = [
    Asked("b1", 2, 2),
    Asked("b2", 1, 2),
    Asked("b3", 1, 2),
    Asked("b4", 2, 6),
    Asked("b5", 2, 6),
    Asked("b6", 2, 1),
]


def submit_all(spillover: Server, jobs: Sequence[Asked]) -> None:
    for job in jobs:
        said = {"spillover/runtime": f"{job.seconds}s"}
        spillover.submit(f"sleep {job.seconds}", submission_id=job.name, entrypoint_num_cpus=job.cpus, metadata=said)


def test_a_recorded_run_is_replayed_as_it_went(spillover: Server) -> None:
    """The exact replay of a live run, with start-up and dispatch as measured from its history, takes the same decisions
    on the same pools in the same order, and its times are within what the docs state."""
    submit_all(spillover, COLD)
    for job in COLD:
        spillover.wait_status(job.name, "succeeded")
    wait_for("the room to be seen free", lambda: not any(n["used"] or n["foreign"] for n in nodes(spillover)))
    submit_all(spillover, WARM)
    for job in WARM:
        spillover.wait_status(job.name, "succeeded")

    recorded, replayed = history(spillover), play(spillover)
    assert {job.submission_id for job in recorded if job.pool == "cloud"} == {"a4", "a5", "b4", "b5"}
    for pool in ("onprem", "cloud"):
        mine = [run for run in replayed if run.pool == pool]
        real = [job for job in recorded if job.pool == pool]
        assert in_order(mine) == in_order(real), pool
    errors = differences(recorded, replayed)
    lasted_s = max(job.ended_at for job in recorded) - min(job.submitted_at for job in recorded)
    told = f"median {median(errors):.2f} s, largest {max(errors):.2f} s of {len(errors)} times in {lasted_s:.0f} s"
    print(told)
    within = (median(errors) <= MEDIAN_ERROR * lasted_s, max(errors) <= LARGEST_ERROR * lasted_s)
    assert within == (True, True), told


def nodes(spillover: Server) -> list[dict[str, Any]]:
    return [node for pool in ("onprem", "cloud") for node in spillover.pool(pool)["nodes"]]


def history(spillover: Server) -> Sequence[PastJob]:
    store = SqlStore.in_folder(spillover.state_dir)
    try:
        return store.past_jobs().jobs
    finally:
        store.close()


def play(spillover: Server) -> Sequence[JobRun]:
    settings = load_settings(spillover.file, environ={})
    pools, past = [make_pool(name, raw) for name, raw in settings.pools.items()], history(spillover)
    trace = traced(past, lambda _: True)
    return replay(trace, pools, make_named_policy(settings), timings=measure(past, pools)).runs


def in_order(jobs: Sequence[JobRun] | Sequence[PastJob]) -> list[str]:
    """As they were placed; those of one moment by name."""
    return [job.submission_id for job in sorted(jobs, key=lambda job: (round(job.placed_at or 0.0), job.submission_id))]


def differences(recorded: Sequence[PastJob], replayed: Sequence[JobRun]) -> list[float]:
    """By how many seconds starts and ends are off."""
    runs = {run.submission_id: run for run in replayed}
    pairs = [(job, runs[job.submission_id]) for job in recorded]
    return [
        abs(a - b) for job, run in pairs for a, b in ((job.started_at, run.started_at), (job.ended_at, run.ended_at))
    ]


STEPS = """
import json, pathlib, signal, sys, time

kept = pathlib.Path(sys.argv[1])
begin = step = json.loads(kept.read_text())["step"] if kept.exists() else 0
print(f"goes on from step {begin}", flush=True)


def save(*_):
    time.sleep(4)  # longer than the 3 s that Ray gives when nothing is said
    kept.write_text(json.dumps({"step": step}))
    print(f"saved at step {step}", flush=True)
    sys.exit(0)


signal.signal(signal.SIGTERM, save)
while not begin or step < begin + 5:
    time.sleep(0.2)
    step += 1
"""


def test_a_job_comes_home_from_its_checkpoint(spillover: Server, module_root: Path) -> None:
    """A resumable job that burst is stopped when owned room appears, has the time that it asked for to save, and ends
    at home, having gone on from what it saved."""
    script, kept, go = module_root / "steps.py", module_root / "kept", module_root / "go"
    script.write_text(STEPS)
    # Moving costs nothing here: on these prices the pause and the egress of a checkpoint would be most of what is saved
    defaults = spillover.settings["defaults"] | {"move": "0s", "checkpoint_gb": 0}
    policy = {"name": "marginal", "value_of_waiting": 100}
    settings = spillover.settings | {"policy": policy, "defaults": defaults}
    spillover.stop()
    spillover.file.write_text(yaml.safe_dump(settings, sort_keys=False))
    spillover.start()
    spillover.submit(
        f"until [ -e {go} ]; do sleep 0.1; done",
        submission_id="home",
        entrypoint_num_cpus=2,
        metadata={"spillover/runtime": "1h"},
    )
    spillover.wait_status("home", "running")
    spillover.submit(
        f"cd . && {sys.executable} {script} {kept}",  # with a shell in between: it gets the signal, too
        submission_id="away",
        entrypoint_num_cpus=2,
        metadata={"spillover/resumable": "true", "spillover/runtime": "2d"},
        runtime_env={"env_vars": {"RAY_JOB_STOP_WAIT_TIME_S": "30"}},
    )
    spillover.wait_status("away", "running")
    wait_for("its first line", lambda: "goes on from step 0" in spillover.logs("away"))
    go.touch()
    spillover.wait_status("away", "succeeded")
    explained = spillover.explain("away")
    assert [(a["pool"], a["outcome"]) for a in explained["attempts"]] == [("cloud", "moved"), ("onprem", "succeeded")]
    [move] = [d for d in explained["decisions"] if d["verdict"] == "move"]
    assert ("$" in move["sentence"], move["pool"], move["reason"]) == (True, "onprem", "comes_home")
    step = json.loads(kept.read_text())["step"]
    assert step > 0
    assert f"saved at step {step}\n" in spillover.logs("away")
    assert f"goes on from step {step}\n" in spillover.logs("away")
