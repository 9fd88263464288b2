"""Group numbers of a trace's jobs: what `Columns.like` holds."""

from __future__ import annotations

import numpy as np

from ..placement.likeness import DEPTH, HOUR_BLOCK, LEVELS, Like, levels_with, size_class
from .columns import Floats, Ints


def like_columns(gpus: Floats, cpus: Floats, submit_s: Floats, begins_at: float = 0.0, **names: object) -> Ints:
    """An array [n, DEPTH] of group numbers, one column a level of likeness; -1 where a level tells nothing more.

    `names` are sequences of n texts or numbers by field of `Like`: team, user, image, program, entrypoint. A blank
    text, a negative number, or a field that is not given, is unknown. Group 0 is that of all jobs.
    """
    codes = {name: _codes(np.asarray(values)) for name, values in names.items()}
    codes["demand"] = _sizes(np.nan_to_num(gpus), np.nan_to_num(cpus))
    codes["hour"] = ((submit_s + begins_at) // 3600 % 24 // HOUR_BLOCK).astype(np.int64)
    like = np.full((len(gpus), DEPTH), -1, dtype=np.int64)
    counts, groups = _counting(codes, len(gpus)), 0
    for level, fields in enumerate(level.fields for level in LEVELS):
        rows = np.flatnonzero(counts[:, level])
        number = _together([codes[name][rows] for name in fields if name in codes], len(rows))
        like[rows, level] = number + groups
        groups += int(number.max(initial=-1)) + 1
    return like


def _codes(values: np.ndarray) -> Ints:
    """Numbers for texts, -1 for blank; numbers as they are."""
    if values.dtype.kind in "iu":
        return values.astype(np.int64)
    found, number = np.unique(values.astype(str), return_inverse=True)
    return np.where(found == "", -1, np.arange(len(found)))[number]


def _sizes(gpus: Floats, cpus: Floats) -> Ints:
    pairs, which = np.unique(np.stack([gpus, cpus]), axis=1, return_inverse=True)
    return _codes(np.array([size_class(*pair) for pair in pairs.T.tolist()], dtype=str))[which.ravel()]


def _counting(codes: dict[str, Ints], jobs: int) -> np.ndarray:
    """Which levels count for which jobs, an array [n, DEPTH]: by what is known of each."""
    known = np.zeros(jobs, dtype=np.int64)
    for bit, name in enumerate(Like._fields):
        if name in codes:
            known |= np.where(codes[name] >= 0, 1 << bit, 0)
    masks, which = np.unique(known, return_inverse=True)
    fields = [frozenset(n for bit, n in enumerate(Like._fields) if mask >> bit & 1) for mask in masks.tolist()]
    return np.array([levels_with(present) for present in fields], dtype=bool).reshape(-1, DEPTH)[which]


def _together(columns: list[Ints], rows: int) -> Ints:
    """One number from 0 for each distinct row of the columns."""
    number = np.zeros(rows, dtype=np.int64)
    for column in columns:
        size = int(column.max(initial=-1)) + 2
        _, number = np.unique(number * size + column + 1, return_inverse=True)
    return number
