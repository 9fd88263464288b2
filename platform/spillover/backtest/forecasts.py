"""A tally over a trace's columns, as arrays: what the compiled replay learns run times in."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..placement.likeness import DEPTH
from ..placement.tally import HINT, Tally, blank
from .columns import Columns


def tally_of(trace: Columns, default_runtime_s: float) -> Tally:
    """A tally in arrays for the trace's jobs, which has learnt nothing yet: 45 numbers a job, 400 a group."""
    n = len(trace)
    made: dict[str, Any] = blank(int(trace.like.max(initial=0)) + 1, default_runtime_s)._asdict()
    made = {name: np.array(column) for name, column in made.items()}
    made["like"] = np.ascontiguousarray(trace.like).ravel()
    made["unit"] = np.stack([np.ones(n), np.nan_to_num(trace.hint_s) / HINT], axis=1).ravel()
    made |= {name: np.zeros(n) for name in ("begun", "low", "high")}
    made["share"] = np.zeros(2 * DEPTH * n)
    made |= {"at": np.zeros(2 * n, np.int64), "live": np.zeros(n, np.int64), "place": np.full(n, -1, np.int64)}
    return Tally(**made)
