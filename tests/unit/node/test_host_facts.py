"""What is so on a host: read from the machine itself."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from spillover.node import host_facts, processes


def test_ports_that_others_hold_are_named(tmp_path: Path) -> None:
    """A port that somebody listens on is held by whom it is; our own, and one that nobody has, are free."""
    with socket.socket() as server, socket.socket() as idle:
        server.bind(("127.0.0.1", 0))
        server.listen()
        idle.bind(("127.0.0.1", 0))
        held, free = server.getsockname()[1], idle.getsockname()[1]
        told = host_facts.gather([held, free], set(), str(tmp_path))["ports"]
        assert list(told) == [str(held)]
        assert told[str(held)].endswith(f"(pid {os.getpid()})")
        assert host_facts.gather([held, free], {os.getpid()}, str(tmp_path))["ports"] == {}


def test_the_disk_is_that_of_the_folder_to_come(tmp_path: Path) -> None:
    """A session folder that is not there yet lies on the disk of the folder above it."""
    facts = host_facts.gather([], set(), str(tmp_path / "not" / "there"))
    assert facts["disk_free_bytes"] > 0
    assert 0 < facts["disk_used_share"] < 1


def test_versions_are_those_of_the_ray_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Python that runs `ray` is asked, which is quicker than Ray itself."""
    import ray

    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert host_facts.ray_versions() == (sys.version.split()[0], ray.__version__)


@pytest.mark.parametrize(
    ("text", "versions"),
    [("#!/bin/sh\necho 'ray, version 2.1.0'\n", ("", "2.1.0")), ("#!/bin/sh\nexit 1\n", ("", "")), (None, ("", ""))],
)
def test_a_ray_that_is_no_python_script_is_asked_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, versions: tuple[str, str]
) -> None:
    """A wrapper tells its version; one that does not work, and none at all, count as no Ray."""
    if text:
        (tmp_path / "ray").write_text(text)
        (tmp_path / "ray").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert host_facts.ray_versions() == versions


def test_the_clock_is_the_one_that_people_see(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time is `date`'s."""
    (tmp_path / "date").write_text("#!/bin/sh\necho 1234.5\n")
    (tmp_path / "date").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert host_facts.clock() == 1234.5


def test_what_was_remembered_is_found_and_ended(tmp_path: Path) -> None:
    """A process without a mark is ours if its id and start time were written down; with another start time it is not."""
    child = subprocess.Popen(["sleep", "60"])
    try:
        [found] = [
            p for p in processes.find([processes.Mark("NO_SUCH", tmp_path)], _of(child.pid)) if p.pid == child.pid
        ]
        stale = frozenset({(child.pid, "1")})
        assert processes.find([processes.Mark("NO_SUCH", tmp_path)], stale) == []
        assert processes.end([processes.Mark("NO_SUCH", tmp_path)], frozenset({(found.pid, found.started)})) == []
        assert child.wait(5) != 0
    finally:
        child.kill()
        child.wait()


def _of(pid: int) -> processes.Known:
    stat = Path(f"/proc/{pid}/stat").read_text()
    return frozenset({(pid, stat[stat.rindex(")") + 2 :].split()[19])})
