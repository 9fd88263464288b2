"""What `make bench` shows and keeps: a table, the file build/bench.json, and lines that say how far it is."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from perf_harness import Benchmark, Measured

_HEAD = ("name", "value", "unit", "aim", "baseline", "ratio", "n", "quartiles")
_NUMBERS = {"value", "baseline", "ratio", "n"}
_EVERY_S = 5.0


def table(rows: Sequence[tuple[Benchmark, Measured]]) -> str:
    """One line a benchmark; a value that misses its aim has an exclamation mark beside the aim."""
    cells = [_HEAD, *(_row(benchmark, found) for benchmark, found in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(_HEAD))]
    return "\n".join(_line(row, widths) for row in cells)


def _row(benchmark: Benchmark, found: Measured) -> tuple[str, ...]:
    return (
        benchmark.name,
        number(found.value),
        benchmark.unit,
        _aim(benchmark, found.value),
        number(found.baseline),
        number(found.ratio),
        str(len(found.samples)),
        f"{number(found.low)} to {number(found.high)}",
    )


def _aim(benchmark: Benchmark, value: float) -> str:
    if benchmark.aim is None:
        return "-"
    missed = "" if benchmark.meets(value) else " !"
    return f"{'>=' if benchmark.more_is_better else '<='} {number(benchmark.aim)}{missed}"


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = zip(_HEAD, row, widths, strict=True)
    return "  ".join(text.rjust(w) if head in _NUMBERS else text.ljust(w) for head, text, w in cells).rstrip()


def number(value: float | None) -> str:
    """Four digits that count, or a dash for nothing."""
    if value is None:
        return "-"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def read(file: Path) -> dict[str, Any]:
    """What earlier runs left. Raises ValueError if the file holds something else."""
    if not file.exists():
        return {}
    found = json.loads(file.read_text())
    if not isinstance(found, dict):
        raise ValueError(f"{file} is no map of names to results; remove it")  # noqa: TRY004  # the file is at fault
    return found


def write(file: Path, results: Mapping[str, Any]) -> None:
    """Put the results there, whole or not at all; one entry a line, so that two files can be compared."""
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{json.dumps(name)}: {json.dumps(results[name])}" for name in sorted(results)]
    part = file.with_suffix(".part")
    part.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    part.replace(file)


class Progress:
    """Says on stderr what runs now and how far it is; steps at most every five seconds unless somebody watches."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._number = 0
        self._name = ""
        self._said = 0.0
        self._watched = sys.stderr.isatty()

    def start(self, name: str) -> None:
        """The next benchmark begins."""
        self._number += 1
        self._name = name
        self._said = 0.0
        self.step("begins")

    def step(self, text: str) -> None:
        """Something of it is done."""
        now = time.monotonic()
        if self._watched:
            self._say(f"\r\x1b[K[{self._number}/{self._total}] {self._name}: {text}", end="")
        elif now - self._said >= _EVERY_S:
            self._said = now
            self._say(f"[{self._number}/{self._total}] {self._name}: {text}")

    def end(self, text: str) -> None:
        """The benchmark is over."""
        start = "\r\x1b[K" if self._watched else ""
        self._say(f"{start}[{self._number}/{self._total}] {self._name}: {text}")

    @staticmethod
    def _say(text: str, end: str = "\n") -> None:
        print(text, end=end, file=sys.stderr, flush=True)
