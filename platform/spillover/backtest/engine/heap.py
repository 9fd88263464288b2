"""A binary heap of (time, key) in two arrays: what is to happen, the earliest first."""

from __future__ import annotations

from ..columns import Floats, Ints
from .jit import jit


@jit
def push(times: Floats, keys: Ints, count: int, at: float, key: int) -> int:
    """Add an entry; returns the new count. The arrays must have room."""
    child = count
    while child > 0:
        parent = (child - 1) >> 1
        if times[parent] <= at:
            break
        times[child], keys[child] = times[parent], keys[parent]
        child = parent
    times[child], keys[child] = at, key
    return count + 1


@jit
def pop(times: Floats, keys: Ints, count: int) -> int:
    """Take the earliest entry, that at 0, away; returns the new count."""
    count -= 1
    at, key = times[count], keys[count]
    hole = 0
    while True:
        child = 2 * hole + 1
        if child >= count:
            break
        if child + 1 < count and times[child + 1] < times[child]:
            child += 1
        if at <= times[child]:
            break
        times[hole], keys[hole] = times[child], keys[child]
        hole = child
    times[hole], keys[hole] = at, key
    return count
