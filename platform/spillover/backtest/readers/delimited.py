"""Traces as CSV and as Parquet: one row a job, the columns of `fields.py`."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ...errors import BadArgument
from ..columns import Floats, Ints
from .cells import NAN, Cells, Problems, texts
from .draft import Draft
from .fields import FIELDS, known_columns

_DELIMITERS = ",;\t|"


def sniff_csv(head: bytes, path: Path) -> bool:
    """Text with a header of names between separators."""
    first = head.partition(b"\n")[0]
    return path.suffix.lower() in {".csv", ".tsv"} or (b"," in first and not first.lstrip().startswith((b"{", b"[")))


def read_csv(data: bytes, source: str) -> Draft:
    """One row a job below a header. Rows with too few or too many cells are left out, and named."""
    text = data.decode("utf-8-sig", errors="replace")
    first = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise BadArgument(f"{source} cannot be read as CSV: {error}") from None
    if not rows:
        raise BadArgument(f"{source} is empty; the first line names the columns: job_id,submit_s,duration_s,gpus")
    header, problems = rows[0], Problems()
    lines = [at for at, row in enumerate(rows[1:], start=2) if len(row) == len(header)]
    if len(lines) < len(rows) - 1:
        odd = [at for at, row in enumerate(rows[1:], start=2) if row and len(row) != len(header)]
        problems.add(f"left out, with other than {len(header)} cells", odd)
    columns = list(zip(*(rows[at - 1] for at in lines), strict=True)) or [()] * len(header)
    return _draft(header, columns.__getitem__, np.array(lines, np.int64), source, problems)


def sniff_parquet(head: bytes, _path: Path) -> bool:
    """Parquet's own mark."""
    return head.startswith(b"PAR1")


def read_parquet(data: bytes, source: str) -> Draft:
    """One row a job; `line` is the row, counted from 1."""
    import pyarrow as pa  # noqa: PLC0415  # half a second that a CSV does without
    from pyarrow import parquet  # noqa: PLC0415

    try:
        table = parquet.read_table(pa.BufferReader(data))
    except pa.ArrowException as error:
        raise BadArgument(f"{source} cannot be read as Parquet: {error}") from None

    def column(at: int) -> Cells:
        cells = table.column(at)
        plain = cells.null_count == 0 and (pa.types.is_integer(cells.type) or pa.types.is_floating(cells.type))
        return cells.to_numpy() if plain else cells.to_pylist()  # type: ignore[no-any-return]  # pyarrow has no types

    lines = np.arange(1, table.num_rows + 1, dtype=np.int64)
    return _draft(table.column_names, column, lines, source, Problems("row"))


def _draft(
    header: Sequence[str], column: Callable[[int], Cells], lines: Ints, source: str, problems: Problems
) -> Draft:
    at, unknown = known_columns(header, source)
    count = len(lines)

    def cells(name: str) -> Cells:
        return column(at[name]) if name in at else [""] * count

    def values(name: str) -> Floats:
        read = FIELDS[name].read
        if name not in at or read is None:
            return np.full(count, NAN)
        found, bad = read(column(at[name]))
        problems.add(f"read as if blank, with a '{header[at[name]]}' that is none", lines[bad])
        return found

    run = values("duration_s")
    if "start_s" in at and "end_s" in at:
        run = np.where(np.isnan(run), values("end_s") - values("start_s"), run)
    problems.note_columns(unknown)
    ids = texts(cells("job_id"))
    return Draft(
        ids=[name or f"{problems.where} {line}" for name, line in zip(ids, lines.tolist(), strict=True)],
        lines=lines,
        submit_s=values("submit_s"),
        run_s=run,
        gpus=values("gpus"),
        cpus=values("cpus"),
        team=texts(cells("team")),
        user=texts(cells("user")),
        program=texts(cells("program")),
        priority=values("priority"),
        hint_s=values("hint_s"),
        deadline_s=values("deadline_s"),
        resumable=values("resumable"),
        may_burst=values("may_burst"),
        problems=problems,
    )
