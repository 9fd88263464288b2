"""What `sacct --parsable2` prints: one line a job, job steps left out."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ...errors import BadArgument
from .cells import NAN, Problems, clock_duration, instant
from .draft import Draft

_NEEDED = ("JobID", "Submit")
_NEVER = frozenset({"", "unknown", "none"})
_STEP = re.compile(r"^[^.]+\.")
_GPU = re.compile(r"(?:^|,)gres/gpu(?::[^=,]+)?=(\d+)")
_TOTAL = re.compile(r"(?:^|,)gres/gpu=(\d+)")
_CPU = re.compile(r"(?:^|,)cpu=(\d+)")

COMMAND = (
    "sacct --allusers --parsable2 --starttime 2026-09-01 --endtime now "
    "--format JobID,JobName,User,Account,Submit,Start,End,Elapsed,State,ReqTRES,AllocTRES,Timelimit"
)
"""How to export what this reads."""


def sniff(head: bytes, _path: Path) -> bool:
    """A header with `|` between the names, among them JobID and Submit."""
    names = head.partition(b"\n")[0].decode(errors="replace").strip().split("|")
    return "JobID" in names and len(names) > 1


def read(data: bytes, source: str) -> Draft:
    """Jobs that ran and have ended. Timelimit is the user's estimate, Account the team. Times are the cluster's own."""
    rows = [line.split("|") for line in data.decode(errors="replace").splitlines()]
    at = _places(rows[0] if rows else [], source)
    problems = Problems()
    kept: list[tuple[int, list[str]]] = []
    steps, never, running, odd = [], [], [], []
    for line, row in enumerate(rows[1:], start=2):
        if len(row) != len(rows[0]):
            odd += [line] if row != [""] else []
        elif _STEP.match(row[at["JobID"]]):
            steps.append(line)
        elif _blank(row, at, "Start") or (_elapsed(row, at) == 0.0 and _withdrawn(row, at)):
            never.append(line)
        elif _blank(row, at, "End") and "End" in at:
            running.append(line)
        else:
            kept.append((line, row))
    problems.add(f"left out, with other than {len(rows[0])} cells", odd)
    problems.add("left out, never started", never)
    problems.add("left out, not ended yet", running)
    if steps:
        problems.note(f"{len(steps):,} job steps are not counted: their jobs are")
    return _draft(kept, at, problems)


def _places(header: Sequence[str], source: str) -> dict[str, int]:
    at = {name.strip(): place for place, name in enumerate(header)}
    missing = [name for name in _NEEDED if name not in at]
    missing += [] if "Elapsed" in at or {"Start", "End"} <= at.keys() else ["Elapsed"]
    missing += [] if {"ReqTRES", "AllocTRES"} & at.keys() else ["AllocTRES"]
    if missing:
        there = ", ".join(at) or "nothing"
        raise BadArgument(f"{source} has no column {' and '.join(missing)}; it has {there}. Export it by `{COMMAND}`")
    return at


def _cell(row: Sequence[str], at: dict[str, int], name: str) -> str:
    return row[at[name]].strip() if name in at else ""


def _blank(row: Sequence[str], at: dict[str, int], name: str) -> bool:
    return name in at and _cell(row, at, name).lower() in _NEVER


def _withdrawn(row: Sequence[str], at: dict[str, int]) -> bool:
    """Slurm gives a job that was cancelled while it waited a start, which is its end."""
    return _cell(row, at, "State").upper().startswith(("CANCELLED", "PENDING"))


def _elapsed(row: Sequence[str], at: dict[str, int]) -> float:
    """Seconds, without the times at which the job was suspended. NaN where it cannot be read."""
    try:
        if "Elapsed" in at:
            return clock_duration(_cell(row, at, "Elapsed"))
        return instant(_cell(row, at, "End")) - instant(_cell(row, at, "Start"))
    except ValueError:
        return NAN


def _draft(kept: Sequence[tuple[int, list[str]]], at: dict[str, int], problems: Problems) -> Draft:
    rows, count = [row for _, row in kept], len(kept)

    def column(name: str) -> list[str]:
        return [_cell(row, at, name) for row in rows]

    tres = [_cell(row, at, "AllocTRES") or _cell(row, at, "ReqTRES") for row in rows]
    silent = np.full(count, NAN)
    return Draft(
        ids=column("JobID"),
        lines=np.array([line for line, _ in kept], np.int64),
        submit_s=np.array([_read(cell, instant) for cell in column("Submit")]),
        run_s=np.array([_elapsed(row, at) for row in rows]),
        gpus=np.array([_gpus(text) for text in tres]),
        cpus=np.array([float(found[1]) if (found := _CPU.search(text)) else 0.0 for text in tres]),
        team=column("Account"),
        user=column("User"),
        program=column("JobName"),
        priority=silent,
        hint_s=np.array([_read(cell, clock_duration) for cell in column("Timelimit")]),
        deadline_s=silent,
        resumable=silent,
        may_burst=silent,
        problems=problems,
    )


def _read(cell: str, read_cell: Callable[[str], float]) -> float:
    """NaN for what is no time: `UNLIMITED`, `Partition_Limit`, nothing."""
    try:
        return read_cell(cell)
    except ValueError:
        return NAN


def _gpus(tres: str) -> float:
    """`gres/gpu=8`, else the sum over models: `gres/gpu:a100=4,gres/gpu:v100=4`."""
    total = _TOTAL.search(tres)
    return float(total[1]) if total else float(sum(int(number) for number in _GPU.findall(tres)))
