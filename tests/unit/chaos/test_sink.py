"""What jobs say of themselves arrives, whatever else is cut."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import chaos
from chaos.runs import runs_of
from chaos.sink import listening

JOB = Path(chaos.__file__).parent / "job"


def run(port: int, *flags: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(JOB / "beats.py"), "--sink", f"127.0.0.1:{port}", "--job", "j", *flags]
    named = {"RAY_JOB_CONFIG_JSON_ENV_VAR": json.dumps({"metadata": {"job_submission_id": "j-a2"}})}
    return subprocess.run(command, env=named, capture_output=True, text=True, timeout=60, check=False)


def test_a_job_tells_its_start_its_life_and_its_end(tmp_path: Path) -> None:
    """The real script is heard with its attempt id, its exit status and all its steps."""
    with listening("127.0.0.1", tmp_path / "beats.jsonl") as (sink, port):
        done = run(port, "--steps", "1", "--code", "3")
        assert done.returncode == 3, done.stderr
        assert [beat.kind for beat in sink.beats()] == ["start", "beat", "end"]
        (found,) = runs_of(sink.beats())
    assert (found.job, found.attempt, found.ended, found.code) == ("j", "j-a2", True, 3)
    assert len((tmp_path / "beats.jsonl").read_text().splitlines()) == 3


def test_a_job_goes_on_where_an_earlier_run_stopped(tmp_path: Path) -> None:
    """With --resume it learns how far earlier runs came, and does only the rest."""
    with listening("127.0.0.1", tmp_path / "beats.jsonl") as (sink, port):
        run(port, "--steps", "1")
        run(port, "--steps", "1", "--resume")
        assert [beat.kind for beat in sink.beats()] == ["start", "beat", "end", "start", "end"]


def test_a_line_that_was_cut_is_not_heard(tmp_path: Path) -> None:
    """Half a line of a host that lost its power in the middle of it counts as nothing."""
    with listening("127.0.0.1", tmp_path / "beats.jsonl") as (sink, port):
        with socket.create_connection(("127.0.0.1", port)) as there:
            there.sendall(b'{"job": "j", "kind": "st')
        run(port, "--steps", "0")
        assert [beat.kind for beat in sink.beats()] == ["start", "end"]
