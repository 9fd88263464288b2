"""The real traces, where they are at hand: beside the project, and never in it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from spillover.backtest.columns import Columns
from spillover.backtest.readers import read_trace

FOLDER = Path(__file__).parents[2].parent / "shared" / "traces"
FILES = {"philly": "philly.csv", "pai": "alibaba_pai2020.csv"}


@cache
def trace(name: str) -> Columns:
    """A real trace as columns. Raises FileNotFoundError if it is not there: what needs it cannot be measured."""
    path = FOLDER / FILES[name]
    if not path.exists():
        raise FileNotFoundError(f"the trace '{name}' is not at hand: there is no {path}")
    return read_trace(path).trace
