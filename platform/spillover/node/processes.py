"""Find and end the processes of a node, and no others.

Ray's own `ray stop` goes by process names and would end every Ray on the machine. Here a process
belongs to a node if one of these holds:
- its environment carries the node's mark, a variable that children inherit;
- Ray has written the process's title over its environment, and it works in the node's folder;
- it is a child of one that belongs, and carries no mark of another node;
- it was remembered, by its id and its start time.
"""

import os
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

POLL_S = 0.1
RAYLET_GRACE_S = 1.0
TERM_GRACE_S = 3.0
KILL_GRACE_S = 5.0

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Mark:
    """An environment variable that holds a folder."""

    name: str
    folder: Path


@dataclass(frozen=True, slots=True)
class Process:
    """The start time tells it from a later process with the same id."""

    pid: int
    started: str
    name: str
    parent: int


Known = frozenset[tuple[int, str]]
"""Processes that were seen to belong, by id and start time."""


def find(marks: Iterable[Mark], remembered: Known = frozenset()) -> list[Process]:
    """The live processes that belong to one of the marks, or were remembered; this process excepted."""
    held = tuple(marks)
    pids = [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()] if held else []
    everyone = [process for pid in pids if (process := _read(pid))]
    children: dict[int, list[Process]] = defaultdict(list)
    for process in everyone:
        children[process.parent].append(process)
    found: dict[int, Process] = {}
    front = [p for p in everyone if (p.pid, p.started) in remembered or _belongs(p.pid, held)]
    while front:
        process = front.pop()
        if process.pid not in found:
            found[process.pid] = process
            front += [child for child in children[process.pid] if not _is_marked(child.pid, held)]
    found.pop(os.getpid(), None)
    return list(found.values())


def end(marks: Iterable[Mark], remembered: Known = frozenset()) -> list[int]:
    """End them, gently first, and return the ids of those that would not go.

    The raylet goes first: it tells the cluster that its node leaves, and takes its workers along.
    """
    held = tuple(marks)
    known = {Process(p.pid, p.started, p.name, 0) for p in find(held, remembered)}
    _round(held, known, signal.SIGTERM, RAYLET_GRACE_S, lambda process: process.name == "raylet")
    _round(held, known, signal.SIGTERM, TERM_GRACE_S)
    _round(held, known, signal.SIGKILL, KILL_GRACE_S)
    return sorted(process.pid for process in _alive(held, known))


def _round(
    marks: tuple[Mark, ...],
    known: set[Process],
    number: signal.Signals,
    grace_s: float,
    wanted: Callable[[Process], bool] = lambda _: True,
) -> None:
    signalled: set[Process] = set()
    until = time.monotonic() + grace_s
    while (alive := {p for p in _alive(marks, known) if wanted(p)}) and time.monotonic() < until:
        for process in alive - signalled:
            _signal(process.pid, number)
        signalled |= alive
        time.sleep(POLL_S)


def _alive(marks: tuple[Mark, ...], known: set[Process]) -> set[Process]:
    # Look again each time, for what was forked meanwhile; keep what was seen, for a parent's death hides its children
    known |= {Process(p.pid, p.started, p.name, 0) for p in find(marks)}
    return {p for p in known if (now := _read(p.pid)) and now.started == p.started}


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _read(pid: int) -> Process | None:
    """Nothing for what is gone, or dead and not yet reaped."""
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    name, rest = text[text.index("(") + 1 : text.rindex(")")], text[text.rindex(")") + 2 :].split()
    return None if rest[0] in "ZX" else Process(pid, rest[19], name, int(rest[1]))


def _environment(pid: int) -> bytes:
    try:
        return b"\0" + (_PROC / str(pid) / "environ").read_bytes() + b"\0"
    except OSError:
        return b""


def _belongs(pid: int, marks: tuple[Mark, ...]) -> bool:
    environment = _environment(pid)
    if any(f"\0{mark.name}={mark.folder}\0".encode() in environment for mark in marks):
        return True
    # Two NULs in a row are what setproctitle leaves. A person's shell in that folder has its environment whole
    if b"\0\0" not in environment[:-1]:
        return False
    try:
        place = (_PROC / str(pid) / "cwd").readlink()
    except OSError:
        return False
    return any(place.is_relative_to(mark.folder) for mark in marks)


def _is_marked(pid: int, marks: tuple[Mark, ...]) -> bool:
    """Whether a child was started for some node by name; those of ours were found already."""
    environment = _environment(pid)
    return any(f"\0{name}=".encode() in environment for name in {mark.name for mark in marks})
