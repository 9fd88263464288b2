"""What a training job says in its log of what it lost: the lines are the jobs' promise."""

from __future__ import annotations

import re
from dataclasses import dataclass

_RESUMED = re.compile(
    r"resumed at step (\d+) of \d+ with (\d+) of (\d+) workers, (\d+) steps \(([\d.]+) s\) lost, ([\d.]+) s without work"
)
_STALLED = re.compile(r"(?:a node goes|the deadline is near): checkpoint at step \d+ in ([\d.]+) s")
_STEP = re.compile(r"^.*\bstep (\d+)/", re.MULTILINE)


@dataclass(frozen=True)
class Resumption:
    """The run goes on: from which step, with how many workers, and what that cost."""

    step: int
    workers: int
    lost_steps: int
    lost_s: float
    idle_s: float
    grown: bool  # with more workers than before: no node was lost


def resumptions(log: str) -> list[Resumption]:
    """In the order in which they happened; the run begins with all its workers."""
    found: list[Resumption] = []
    for step, workers, most, steps, lost_s, idle_s in _RESUMED.findall(log):
        before = found[-1].workers if found else int(most)
        grown = int(workers) > before
        found.append(Resumption(int(step), int(workers), int(steps), float(lost_s), float(idle_s), grown))
    return found


def stalls(log: str) -> list[float]:
    """Seconds of each checkpoint that was written because a node goes."""
    return [float(seconds) for seconds in _STALLED.findall(log)]


def step(log: str) -> int | None:
    """The last step that it has told, None before the first."""
    told = _STEP.findall(log)
    return int(told[-1]) if told else None
