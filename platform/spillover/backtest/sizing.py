"""How large the owned pool is where nobody says, and which part of a trace is played."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from typing import Any

import numpy as np

from ..errors import BadArgument
from ..units import parse_duration
from .columns import Bools, Columns


def mean_demand(trace: Columns) -> float:
    """Accelerators that the jobs would keep busy from the first submission to the last."""
    span = span_s(trace)
    return float((trace.run_s * trace.gpus).sum()) / span if span > 0 else float(trace.gpus.max(initial=0.0))


def span_s(trace: Columns) -> float:
    """Seconds from the first submission to the last."""
    return float(trace.submit_s[-1] - trace.submit_s[0])


def fitting_nodes(trace: Columns, gpus_per_node: int) -> int:
    """The fewest nodes that all jobs together do not overload: load at most 1."""
    return max(1, math.ceil(mean_demand(trace) / gpus_per_node))


def part(trace: Columns, *, first: int | None = None, last: str | None = None, window: str | None = None) -> Columns:
    """The first so many jobs, the last so many or those of the last `30d`, or a window `FROM:TO` of the trace's time.

    A window is of shares, `50%:100%`, or of durations from the begin, `30d:60d`; either side may be left out. A part
    begins with its first job: the time before it is not played. Raises BadArgument for what leaves no job.
    """
    rows = np.ones(len(trace), bool)
    if window is not None:
        rows &= _in_window(trace, window)
    if last is not None:
        rows &= _last(trace, last, rows)
    if first is not None:
        rows &= np.cumsum(rows) <= first
    if not rows.any():
        raise BadArgument(f"of the {len(trace):,} jobs of {trace.source} none is in the part that was asked for")
    return trace if rows.all() else _from_its_begin(taken(trace, rows))


def taken(trace: Columns, rows: Bools) -> Columns:
    """The trace with these jobs alone."""
    ids = tuple(name for name, kept in zip(trace.ids, rows.tolist(), strict=True) if kept)
    columns = {f.name: getattr(trace, f.name) for f in fields(trace)}
    cut: dict[str, Any] = {name: of_all[rows] for name, of_all in columns.items() if isinstance(of_all, np.ndarray)}
    return replace(trace, ids=ids, **cut)


def _from_its_begin(trace: Columns) -> Columns:
    gone = float(np.floor(trace.submit_s[0]))
    begins_at = trace.begins_at + gone if trace.begins_at else 0.0
    return replace(trace, submit_s=trace.submit_s - gone, begins_at=begins_at)


def _last(trace: Columns, text: str, rows: Bools) -> Bools:
    newest: Bools = np.cumsum(rows) > rows.sum() - int(text) if text.isdigit() else _since(trace, text)
    return newest


def _since(trace: Columns, text: str) -> Bools:
    since: Bools = trace.submit_s >= trace.submit_s[-1] - _seconds(text, trace, f"--last {text}")
    return since


def _in_window(trace: Columns, text: str) -> Bools:
    low, colon, high = text.partition(":")
    if not colon:
        raise BadArgument(f"--window {text} is no part of a trace; write '50%:100%', '30d:60d' or '30d:'")
    start = trace.submit_s[0] + (_seconds(low, trace, f"--window {text}") if low else 0.0)
    end = trace.submit_s[0] + _seconds(high, trace, f"--window {text}") if high else math.inf
    until = trace.submit_s <= end if high.strip() == "100%" else trace.submit_s < end
    inside: Bools = (trace.submit_s >= start) & until
    return inside


def _seconds(text: str, trace: Columns, option: str) -> float:
    try:
        if text.endswith("%"):
            return float(text[:-1]) / 100.0 * span_s(trace)
        return parse_duration(text)
    except ValueError:
        raise BadArgument(f"{option}: '{text}' is neither a share, such as 50%, nor a duration, such as 30d") from None
