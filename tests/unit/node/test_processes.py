"""Finding and ending processes by mark, with real ones."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from spillover.node import processes
from spillover.node.processes import Mark

# What setproctitle does: it writes over the environment, so that the mark is no longer to be seen
CLOBBER = """
import ctypes, os, sys, time
start, end = (int(f) for f in open("/proc/self/stat").read().rpartition(")")[2].split()[47:49])
ctypes.memset(start, 0, end - start)
print("ready", flush=True)
time.sleep(300)
"""
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(300)"


class Nursery:
    def __init__(self, folder: Path) -> None:
        self.mark = Mark("SPILLOVER_TEST_DIR", folder)
        self.born: list[subprocess.Popen[str]] = []

    def start(self, *command: str, marked: bool = True, cwd: Path | None = None) -> subprocess.Popen[str]:
        own = {self.mark.name: str(self.mark.folder)} if marked else {}
        process = subprocess.Popen(command, env=os.environ | own, cwd=cwd, stdout=subprocess.PIPE, text=True)
        self.born.append(process)
        return process

    def python(self, code: str, *, marked: bool = True, cwd: Path | None = None) -> subprocess.Popen[str]:
        process = self.start(sys.executable, "-c", code, marked=marked, cwd=cwd)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    def found(self) -> list[int]:
        return sorted(process.pid for process in processes.find([self.mark]))


@pytest.fixture
def nursery(tmp_path: Path) -> Iterator[Nursery]:
    it = Nursery(tmp_path)
    yield it
    for process in it.born:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def test_only_marked_processes_are_found(nursery: Nursery) -> None:
    """A process is found by its mark, and one without the mark is not."""
    ours = nursery.start("sleep", "300")
    nursery.start("sleep", "300", marked=False)
    assert nursery.found() == [ours.pid]


def test_a_mark_is_matched_whole(nursery: Nursery, tmp_path: Path) -> None:
    """A node whose folder's name begins like ours is another node."""
    nursery.start("env", f"{nursery.mark.name}={tmp_path}0", "sleep", "300")
    assert nursery.found() == []


def test_a_process_whose_title_hides_its_mark_is_found_in_its_folder(nursery: Nursery, tmp_path: Path) -> None:
    """Ray's renamed workers, whose environment is overwritten, are found by where they work."""
    renamed = nursery.python(CLOBBER, cwd=tmp_path)
    assert nursery.found() == [renamed.pid]


def test_a_shell_in_the_folder_is_nobodys(nursery: Nursery, tmp_path: Path) -> None:
    """A person who looks around in a node's folder is not taken for the node."""
    nursery.start("sleep", "300", marked=False, cwd=tmp_path)
    assert nursery.found() == []


def test_children_belong_to_their_parent(nursery: Nursery) -> None:
    """A child that dropped the mark and left the folder goes with its parent."""
    parent = nursery.start("bash", "-c", f"cd /; env -u {nursery.mark.name} sleep 300 & echo $!; wait")
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert nursery.found() == sorted([parent.pid, child])
    assert processes.end([nursery.mark]) == []
    assert not Path(f"/proc/{child}/cwd").exists()


def test_another_nodes_child_is_left_alone(nursery: Nursery, tmp_path: Path) -> None:
    """What one node starts for another node belongs to the other."""
    other = f"{nursery.mark.name}={tmp_path}/other"
    parent = nursery.start("bash", "-c", f"env {other} sleep 300 & echo $!; wait")
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    # Until `env` has run, the child is still a copy of its parent
    while Path(f"/proc/{child}/comm").read_text() != "sleep\n":
        pass
    try:
        assert nursery.found() == [parent.pid]
    finally:
        os.kill(child, signal.SIGKILL)


def test_end_is_gentle_first(nursery: Nursery) -> None:
    """A process that heeds SIGTERM ends by it."""
    ours = nursery.start("sleep", "300")
    assert processes.end([nursery.mark]) == []
    assert ours.wait() == -signal.SIGTERM


def test_end_kills_what_will_not_listen(nursery: Nursery, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that ignores SIGTERM is killed after the grace."""
    monkeypatch.setattr(processes, "TERM_GRACE_S", 0.2)
    deaf = nursery.python(DEAF)
    assert processes.end([nursery.mark]) == []
    assert deaf.wait() == -signal.SIGKILL


def test_no_mark_finds_nothing() -> None:
    """Without a mark nothing is found, and ending it is no error."""
    assert processes.find([]) == []
    assert processes.end([]) == []
