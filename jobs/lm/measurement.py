"""What a measurement found, as a table and as JSON. Knows nothing of torch."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

HEAD = ("run", "tokens/s", "x fp32", "peak GB", "x fp32", "utilisation", "loss")


@dataclass(frozen=True)
class Row:
    """One run. What is None was not measured: memory is that of a GPU, utilisation needs a chip whose peak is known."""

    run: str
    tokens_per_s: float | None = None
    step_s: list[float] = field(default_factory=list)
    peak_bytes: int | None = None
    utilisation: float | None = None  # of the chip's peak in that arithmetic, 0 to 1
    loss: float | None = None  # in nats a byte, at the last step
    why_not: str = ""


def table(rows: list[Row], title: str) -> str:
    """A line a run; ratios are to the first fp32 run. What could not run says why below."""
    base = next((row for row in rows if row.run == "fp32" and not row.why_not), Row("fp32"))
    cells = [HEAD, *(_cells(row, base) for row in rows if not row.why_not)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(HEAD))]
    lines = [_line(line, widths) for line in cells]
    return "\n".join([title, *lines, *(f"{row.run}: not measured, {row.why_not}" for row in rows if row.why_not)])


def _cells(row: Row, base: Row) -> tuple[str, ...]:
    return (
        row.run,
        _number(row.tokens_per_s, ",.0f"),
        _number(_ratio(row.tokens_per_s, base.tokens_per_s), ".2f"),
        _number(_ratio(row.peak_bytes, 1e9), ".2f"),
        _number(_ratio(row.peak_bytes, base.peak_bytes), ".2f"),
        _number(row.utilisation, ".1%"),
        _number(row.loss, ".3f"),
    )


def _ratio(value: float | None, base: float | None) -> float | None:
    return value / base if value is not None and base else None


def _number(value: float | None, shape: str) -> str:
    return "" if value is None else format(value, shape)


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    name, *numbers = (
        text.rjust(width) if i else text.ljust(width) for i, (text, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join([name, *numbers]).rstrip()


def write(path: Path, about: dict[str, Any], rows: list[Row]) -> None:
    """All of it; whatever a run is broken off by, the file is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps({**about, "runs": [asdict(row) for row in rows]}, indent=1) + "\n")
    part.replace(path)
