import asyncio
import json
import shlex
import sys
from pathlib import Path

import pytest

from spillover.cli import demo_jobs
from spillover.cli.demo_jobs import Plan, add_home, client_environment, plans, submit
from spillover.cli.demo_site import DEMO_MARK, TEAMS, Site
from spillover.control.metadata import read_metadata
from spillover.errors import SpilloverError

PLAN = Plan("alice", 1, seed=3, steps=250)


def test_three_users_submit_more_than_onprem_can_hold():
    """Six jobs with six names and six seeds, two from each of three teams; one team must stay in the building."""
    made = plans(250)
    assert len({p.submission_id for p in made}) == len({p.seed for p in made}) == 6
    assert sorted(p.team for p in made) == sorted([*TEAMS] * 2)
    assert list(TEAMS.values()).count(False) == 1


def test_what_is_typed_is_what_is_run():
    """The line that people see, read by a shell, is the command that runs, and its metadata is ours."""
    words = shlex.split(PLAN.typed("jobs/train_bytes"))
    assert words == ["ray", *PLAN.arguments("jobs/train_bytes")]
    said = read_metadata(json.loads(words[words.index("--metadata-json") + 1]))
    assert said.bundles
    assert said.hints.runtime_s == 25


def test_users_see_nothing_of_ours(tmp_path):
    """A user's command line gets its own HOME and token and no other variable of the caller's."""
    site = Site(tmp_path)
    add_home(site, "alice", "secret")
    passed = {"PATH": "/bin", "RAY_ADDRESS": "http://elsewhere", "SPILLOVER__x": "1", "AWS_SECRET_ACCESS_KEY": "k"}
    environment = client_environment(site, "alice", "http://127.0.0.1:1", passed)
    assert set(environment) == {"PATH", "HOME", "RAY_API_SERVER_ADDRESS", "RAY_AUTH_MODE", DEMO_MARK}
    token = Path(environment["HOME"]) / ".ray" / "auth_token"
    assert token.read_text() == "secret"
    assert token.stat().st_mode & 0o077 == 0


@pytest.fixture
def ray(tmp_path, monkeypatch):
    """A stand-in for the `ray` command: a Python script."""

    def make(code):
        script = tmp_path / "ray"
        script.write_text(f"#!{sys.executable}\n{code}")
        script.chmod(0o755)
        monkeypatch.setattr(demo_jobs, "ray_command", lambda: script)

    return make


def test_a_refused_submit_says_why(tmp_path, ray):
    """The words of a command line that failed are in the error."""
    ray("print('no such pool'); raise SystemExit(1)")
    with pytest.raises(SpilloverError, match="alice-1 failed:\nno such pool"):
        asyncio.run(submit(PLAN, Site(tmp_path), "http://127.0.0.1:1", tmp_path / "jobs"))


def test_a_cancelled_submit_takes_the_command_along(tmp_path, ray):
    """When the demo is told to stop in the middle of a submit, the command line is ended before it goes on."""
    pid_file = tmp_path / "pid"
    ray(f"import os, pathlib, time; pathlib.Path({str(pid_file)!r}).write_text(str(os.getpid())); time.sleep(60)")

    async def cut_off():
        task = asyncio.create_task(submit(PLAN, Site(tmp_path), "http://127.0.0.1:1", tmp_path / "jobs"))
        while not (pid_file.exists() and pid_file.read_text()):
            await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cut_off())
    assert not Path(f"/proc/{pid_file.read_text()}").exists()
