"""A sweep that is cut off in the middle is finished by the next one: jobs/sweep on one small cluster."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sample import sampled

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), sampled("test_tune_sweep")]

JOBS = Path(__file__).parents[2] / "jobs"
RAY = str(Path(sys.executable).with_name("ray"))
SMALL = ("base.model.width=32", "base.model.layers=1", "base.model.context=64", "base.data.validation_sequences=8")
ASHA = (
    "asha.yaml",
    "trials=4",
    "report_steps=10",
    "first_steps=10",
    "base.steps=20",
    "base.checkpoints.every=10 steps",
)
PBT = ("pbt.yaml", "trials=3", "report_steps=20", "base.steps=40", "base.checkpoints.every=20 steps")


@pytest.fixture(scope="module")
def login(module_root: Path) -> Iterator[dict[str, str]]:
    """The variables that a client of a running cluster needs."""
    from cluster import head

    with head(module_root, cpus=2) as cluster:
        yield {
            "RAY_API_SERVER_ADDRESS": cluster.address,
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(cluster.layout.token_file),
        }


def ray(login: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    command = [RAY, "job", *arguments]
    return subprocess.run(command, env=clean | login, capture_output=True, text=True, timeout=200, check=False)


def submit(login: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return ray(login, "submit", "--working-dir", str(JOBS), *arguments)


def ended(folder: Path) -> dict[int, str]:
    """Trials that have ended, each with what its file says."""
    files = [path for path in (folder / "trials").glob("*.json") if json.loads(path.read_text())["status"] == "ended"]
    return {int(path.stem): path.read_text() for path in files}


def test_a_sweep_that_was_cut_off_is_finished(login: dict[str, str], module_root: Path) -> None:
    """Its driver ends after the first trial; run again, ended trials stay as they were, and all others are run."""
    folder, command = (
        module_root / "st" / "a",
        ("-m", "sweep.run", *ASHA, f"storage={module_root}/st", "name=a", *SMALL),
    )
    submit(login, "--no-wait", "--submission-id", "cut-off", "--", "python", *command)
    until = time.monotonic() + 120
    while not ended(folder):
        assert time.monotonic() < until, ray(login, "logs", "cut-off").stdout
        time.sleep(0.2)
    ray(login, "stop", "cut-off")
    first = ended(folder)
    assert 0 < len(first) < 4, first
    again = submit(login, "--", "python", *command)
    assert again.returncode == 0, again.stdout + again.stderr
    assert f"; {len(first)} have ended" in again.stdout
    assert {trial: ended(folder)[trial] for trial in first} == first
    assert not any(f"trial {trial:03}  step" in again.stdout for trial in first)
    assert sorted(ended(folder)) == [0, 1, 2, 3]
    done = [line for line in again.stdout.splitlines() if line.startswith("done: best trial ")]
    ran = sum(json.loads(text)["reports"][-1][0] for text in ended(folder).values())
    assert f"{ran} of 80 steps run" in done[0]


@pytest.mark.skipif(not os.environ.get("SPILLOVER_SOAK"), reason="with SPILLOVER_SOAK: it takes about a minute")
def test_the_worst_goes_on_from_the_best(login: dict[str, str], module_root: Path) -> None:
    """A member of a population takes over weights, optimizer and step of a better one, and all reach their last step."""
    done = submit(login, "--", "python", "-m", "sweep.run", *PBT, f"storage={module_root}/st", "name=p", *SMALL)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"trial \d+ goes on from trial \d+, now with optimizer.rate=", done.stdout)
    assert "120 of 120 steps run" in done.stdout
    taken = [path for path in (module_root / "st" / "p" / "runs").iterdir() if "-" in path.name]
    assert [sorted(path.name for path in run.glob("checkpoints/step-*")) for run in taken] == [
        ["step-0000020", "step-0000040"]
    ]
