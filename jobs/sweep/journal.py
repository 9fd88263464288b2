"""What is known of each trial, one small file each: it outlives the driver, and the next one reads it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from pyarrow.fs import FileSelector, FileSystem

from common.files import write_bytes
from sweep.space import Values

UNFINISHED, ENDED, FAILED = "unfinished", "ended", "failed"


@dataclass
class Record:
    """One trial. `ended`: it ran all its steps, or was stopped for being worse than others."""

    trial: int
    steps: int  # that it may run
    drawn: Values  # what it began with
    settings: Values  # what it has now: population based training changes them
    reports: list[tuple[int, float]] = field(default_factory=list)  # step, loss
    pointer: dict[str, Any] | None = None  # run and step of its last checkpoint
    taken_over: int = 0  # times that it went on from a better trial's checkpoint
    status: str = UNFINISHED

    @property
    def step(self) -> int:
        return self.reports[-1][0] if self.reports else 0

    @property
    def loss(self) -> float:
        return self.reports[-1][1] if self.reports else float("inf")

    @property
    def outcome(self) -> str:
        if self.status == ENDED:
            return "finished" if self.step >= self.steps else "stopped early"
        return self.status

    def report(self, step: int, loss: float) -> None:
        """A resumed trial may report a step again: the later word counts."""
        self.reports = [(s, value) for s, value in self.reports if s < step] + [(step, loss)]


class Journal:
    """All trials of one sweep, in memory and in a folder."""

    def __init__(self, files: FileSystem, folder: str) -> None:
        self.files, self.folder = files, folder
        files.create_dir(folder, recursive=True)
        found = files.get_file_info(FileSelector(folder))
        texts = [files.open_input_stream(f.path).readall() for f in found if f.extension == "json"]
        self.records = {record.trial: record for record in (Record(**json.loads(text)) for text in texts)}
        for record in self.records.values():
            record.reports = [(step, loss) for step, loss in record.reports]

    def plan(self, drawn: Sequence[Values], steps: int) -> list[Record]:
        """The trials that are left to run. Raises ValueError if the sweep was begun with other settings."""
        for trial, values in enumerate(drawn):
            known = self.records.setdefault(trial, Record(trial, steps, values, values))
            if (known.drawn, known.steps) != (values, steps):
                raise ValueError(
                    f"{self.folder} holds a sweep whose trial {trial} has {known.steps} steps and {told(known.drawn)}, "
                    f"not {steps} and {told(values)}: give this one another name, or the settings that it began with"
                )
        left = [r for r in self.records.values() if r.trial < len(drawn) and r.status != ENDED]
        return sorted(left, key=lambda r: r.trial)

    def note(self, record: Record) -> None:
        write_bytes(self.files, f"{self.folder}/{record.trial:03}.json", json.dumps(asdict(record)).encode())


def told(settings: Values) -> str:
    return ", ".join(f"{name}={shown(value)}" for name, value in settings.items())


def shown(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def best(records: Iterable[Record]) -> Record:
    """The lowest loss among those that ran furthest: a loss early in training compares with none later."""
    ended = [r for r in records if r.reports and r.status == ENDED]
    if not ended:
        raise ValueError("no trial came to an end; each says above why it failed")
    return min(ended, key=lambda r: (-r.step, r.loss))


def saved_steps(records: Iterable[Record]) -> tuple[int, int]:
    """Steps run, and steps that all trials would have run to the end."""
    records = list(records)
    return sum(r.step for r in records), sum(r.steps for r in records)


def table(records: Iterable[Record]) -> str:
    """The best first."""
    records = sorted(records, key=lambda r: (-r.step, r.loss))
    names = list(records[0].settings)
    rows = [("trial", "steps", "loss", "outcome", *names)]
    for r in records:
        loss = f"{r.loss:.3f}" if r.reports else "-"
        rows.append((f"{r.trial:03}", f"{r.step}/{r.steps}", loss, r.outcome, *(shown(r.settings[n]) for n in names)))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows)
