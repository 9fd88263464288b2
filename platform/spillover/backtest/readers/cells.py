"""Cells of a trace as numbers: what cannot be read is NaN, and named by its line."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from ...units import parse_duration
from ..columns import Bools, Floats

Cells = Sequence[Any]
"""One column, an entry a job: text as in a CSV, numbers, or None."""

BLANK = frozenset({"", "na", "nan", "none", "null", "unknown", "n/a"})
NAN = math.nan

_SHOWN = 5
_WORDS = {"true": 1.0, "yes": 1.0, "y": 1.0, "t": 1.0, "false": 0.0, "no": 0.0, "n": 0.0, "f": 0.0}


class Problems:
    """What was wrong with a trace, by kind, with the lines where it was. `where` is what a place is called."""

    def __init__(self, where: str = "line") -> None:
        self.where = where
        self._lines: dict[str, list[int]] = {}
        self._notes: list[str] = []

    def note(self, sentence: str) -> None:
        """Something about the trace as a whole."""
        self._notes.append(sentence)

    def note_columns(self, unknown: Sequence[str]) -> None:
        """Columns that nothing is made of."""
        if unknown:
            names = ", ".join(f"'{name}'" for name in unknown)
            self.note(f"not used: column{'s' if len(unknown) > 1 else ''} {names}")

    def add(self, what: str, lines: Iterable[int]) -> None:
        """Note that the jobs on these lines have this in common."""
        found = [int(line) for line in lines]
        if found:
            self._lines.setdefault(what, []).extend(found)

    def sentences(self) -> tuple[str, ...]:
        """`left out, with no run time: 2 jobs, lines 3, 7`, one for each kind."""
        kinds = (f"{what}: {_jobs(len(at))}, {self._places(at)}" for what, at in self._lines.items())
        return (*kinds, *self._notes)

    def _places(self, lines: list[int]) -> str:
        shown = ", ".join(map(str, sorted(lines)[:_SHOWN]))
        more = f" and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
        return f"{self.where}{'s' if len(lines) > 1 else ''} {shown}{more}"


def _jobs(count: int) -> str:
    return f"{count:,} job{'s' if count > 1 else ''}"


def numbers(cells: Cells) -> tuple[Floats, Bools]:
    """Each cell as a number, NaN where it is blank or none, and which ones hold something that is none."""
    return _each(cells, float)


def durations(cells: Cells) -> tuple[Floats, Bools]:
    """As `numbers`, in seconds; also `90s`, `2h`, `1d`, and `[D-]HH:MM:SS` as Slurm writes it."""
    return _each(cells, _duration)


def instants(cells: Cells) -> tuple[Floats, Bools]:
    """As `numbers`, in Unix seconds; also ISO 8601, in UTC where no zone is given."""
    return _each(cells, instant)


def truths(cells: Cells) -> tuple[Floats, Bools]:
    """As `numbers`: 1 for true, yes, 1; 0 for false, no, 0."""
    return _each(cells, _truth)


def _each(cells: Cells, read: Callable[[Any], float]) -> tuple[Floats, Bools]:
    if isinstance(cells, np.ndarray) and cells.dtype.kind in "fiub":
        return cells.astype(np.float64), np.zeros(len(cells), bool)
    try:
        return np.array([float(cell) for cell in cells], dtype=np.float64), np.zeros(len(cells), bool)
    except (TypeError, ValueError):
        return _one_by_one(cells, read)


def _one_by_one(cells: Cells, read: Callable[[Any], float]) -> tuple[Floats, Bools]:
    values, bad = np.full(len(cells), NAN), np.zeros(len(cells), bool)
    for at, cell in enumerate(cells):
        if cell is None or cell == "" or str(cell).strip().lower() in BLANK:
            continue
        try:
            values[at] = read(cell)
        except (TypeError, ValueError):
            bad[at] = True
    return values, bad


def instant(cell: Any) -> float:
    """Unix seconds of a number or of ISO 8601. Raises ValueError."""
    if isinstance(cell, datetime):
        moment = cell
    else:
        try:
            return float(cell)
        except ValueError:
            moment = datetime.fromisoformat(str(cell).strip().removesuffix(" UTC"))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _duration(cell: Any) -> float:
    text = str(cell).strip()
    try:
        return float(text)
    except ValueError:
        return clock_duration(text) if ":" in text else parse_duration(text)


def clock_duration(text: str) -> float:
    """Seconds of Slurm's `[D-]HH:MM:SS`, `MM:SS` or `D-HH`. Raises ValueError."""
    days, dash, rest = text.rpartition("-")
    parts = [float(part) for part in rest.split(":")]
    if dash:
        parts = [*parts, 0.0, 0.0][:3]
    seconds = 0.0
    for part in parts:
        seconds = seconds * 60.0 + part
    return seconds + (float(days) * 86400.0 if dash else 0.0)


def _truth(cell: Any) -> float:
    text = str(cell).strip().lower()
    return _WORDS[text] if text in _WORDS else float(bool(float(text)))


def texts(cells: Cells) -> list[str]:
    """Each cell as text; "" where it is blank."""
    return ["" if cell is None else str(cell).strip() for cell in cells]
