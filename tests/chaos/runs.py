"""From lines to runs: one process of a job's script, from its first line to its last."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from .records import Beat


@dataclass(frozen=True, slots=True)
class Run:
    """A process that ran a job's script. It surely ran over [first, last]."""

    job: str
    attempt: str
    run: str
    host: str
    first: float
    last: float
    ended: bool = False
    code: int | None = None

    def __str__(self) -> str:
        return f"{self.attempt} on {self.host} from {self.first:.2f} to {self.last:.2f}"


def runs_of(beats: Iterable[Beat]) -> list[Run]:
    """All runs, the earliest first. Lines may come late and in any order."""
    found: dict[str, Run] = {}
    for beat in beats:
        run = found.get(beat.run) or Run(beat.job, beat.attempt, beat.run, beat.host, beat.at, beat.at)
        run = replace(run, first=min(run.first, beat.at), last=max(run.last, beat.at))
        found[beat.run] = replace(run, ended=True, code=beat.code) if beat.kind == "end" else run
    return sorted(found.values(), key=lambda run: (run.first, run.run))


def by_job(runs: Iterable[Run]) -> dict[str, list[Run]]:
    """The runs of each job, in their order."""
    found: dict[str, list[Run]] = {}
    for run in runs:
        found.setdefault(run.job, []).append(run)
    return found
