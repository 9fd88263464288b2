"""Whatever is in a file, a reader makes a trace of it or says what is wrong."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from spillover.backtest.columns import Columns
from spillover.backtest.readers import FORMATS, Reading, read_trace
from spillover.backtest.readers.fields import FIELDS
from spillover.errors import BadArgument

CELLS = st.one_of(
    st.floats().map(str),
    st.integers(-5, 10**12).map(str),
    st.sampled_from(["", "nan", "1h", "2026-11-01T08:00:00Z", "true", "-", "1-00:00:00", "x"]),
    st.text(max_size=5),
)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=12,
)


def read(data: bytes, format_name: str) -> Columns | None:
    """The trace, or None where it was refused in words."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "trace"
        path.write_bytes(data)
        try:
            return read_trace(path, Reading(movable=0.5), format_name).trace
        except BadArgument:
            return None


def check(trace: Columns | None) -> None:
    """What a replay relies on."""
    if trace is None:
        return
    assert len(trace) > 0
    lengths = {len(column) for column in vars(trace).values() if isinstance(column, np.ndarray)}
    assert lengths == {len(trace)} == {len(trace.ids)} == {len(set(trace.ids))}
    assert (np.diff(trace.submit_s) >= 0).all()
    assert np.isfinite(trace.submit_s).all()
    assert (np.isfinite(trace.run_s) & (trace.run_s >= 0)).all()
    assert (np.isfinite(trace.gpus) & (trace.gpus > 0)).all()
    assert not np.isnan(trace.deadline_s).any()
    assert max(trace.team) < len(trace.teams)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(sorted(FIELDS)), unique=True), st.lists(st.lists(CELLS, max_size=17), max_size=6))
def test_any_csv(header: list[str], rows: list[list[str]]) -> None:
    """Rows of anything under known columns become a sound trace, or are refused in words."""
    text = io.StringIO()
    names = [*dict.fromkeys(["submit_s", "duration_s", "gpus", *header])]
    csv.writer(text).writerows([names, *(row + [""] * (len(names) - len(row)) for row in rows)])
    check(read(text.getvalue().encode(errors="replace"), "csv"))


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.sampled_from(sorted(FORMATS)), st.binary(max_size=60) | st.text(max_size=60).map(lambda t: t.encode()))
def test_any_bytes(format_name: str, data: bytes) -> None:
    """No reader falls over what is not its own."""
    check(read(data, format_name))


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.sampled_from(["kueue", "ray"]), st.lists(PLAIN, max_size=3))
def test_any_json(format_name: str, items: list[object]) -> None:
    """Lists of anything are read or refused."""
    check(read(json.dumps(items).encode(), format_name))


WORKLOADS = st.fixed_dictionaries(
    {},
    optional={
        "metadata": st.fixed_dictionaries({}, optional={"name": PLAIN, "creationTimestamp": PLAIN}),
        "spec": st.fixed_dictionaries({}, optional={"podSets": PLAIN, "queueName": PLAIN, "priority": PLAIN}),
        "status": st.fixed_dictionaries({}, optional={"conditions": PLAIN}),
        "submission_id": PLAIN,
        "start_time": PLAIN,
        "end_time": PLAIN,
        "metadata ": PLAIN,
        "entrypoint_num_gpus": PLAIN,
        "entrypoint_resources": PLAIN,
    },
)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.sampled_from(["kueue", "ray"]), st.lists(WORKLOADS, min_size=1, max_size=3))
def test_any_object_with_the_right_keys(format_name: str, items: list[object]) -> None:
    """Known keys with values of any kind are read or refused."""
    check(read(json.dumps({"items": items}).encode(), format_name))
