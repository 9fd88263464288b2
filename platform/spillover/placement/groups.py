"""The groups of like jobs in a tally that grows: their numbers, and how many runs each has seen."""

from __future__ import annotations

from typing import Any, NamedTuple

from .likeness import DEPTH, LEVELS, Like, keys
from .survival import BINS
from .tally import RATIOS, SECONDS, Tally

MOST = 4096
"""So many groups are kept, 3 KB each; then those are forgotten in which nothing has happened for longest."""


class Learnt(NamedTuple):
    """How many runs the narrowest group that knows any has seen, and what these have in common with the job."""

    runs: int
    common: str


class Groups:
    """Numbers for the groups of a blank tally in lists, made when a run of them begins. Tuples: one a level, or -1."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._number: dict[object, int] = {keys(Like())[0]: 0}
        self._ended = [0, 0]
        self._changed = [0]
        self._changes = 0

    def find(self, like: Like) -> tuple[int, ...]:
        """The groups that such a job would be in and that are there."""
        return tuple(self._number.get(key, -1) for key in keys(like))

    def make(self, like: Like) -> tuple[int, ...]:
        """The groups that such a job is in."""
        return tuple(-1 if key is None else self._make(key) for key in keys(like))

    def _make(self, key: object) -> int:
        number = self._number.get(key)
        if number is None:
            number = self._number[key] = len(self._changed)
            for row in (self._tally.passed, self._tally.ended, self._tally.running):
                row.extend([0.0] * (2 * BINS))
            self._tally.weight.extend([1.0, 1.0])
            self._ended.extend([0, 0])
            self._changed.append(0)
        return number

    def note(self, groups: tuple[int, ...], *, ended: bool, hinted: bool) -> None:
        """A job of these groups has started, or ended."""
        self._changes += 1
        for group in groups:
            if group >= 0:
                self._changed[group] = self._changes
                self._ended[2 * group + SECONDS] += ended
                self._ended[2 * group + RATIOS] += ended and hinted

    def changes(self, groups: tuple[int, ...]) -> int:
        """A number that changes whenever something happens in the narrowest of them."""
        return next((self._changed[group] for group in reversed(groups) if group >= 0), 0)

    def learnt(self, groups: tuple[int, ...], part: int) -> Learnt | None:
        """What the narrowest group with a run that has ended knows; None if there is none at all."""
        for level in range(DEPTH - 1, -1, -1):
            group = groups[level]
            if group >= 0 and self._ended[2 * group + part]:
                return Learnt(self._ended[2 * group + part], LEVELS[level].common)
        return None

    def crowded(self) -> bool:
        """Whether it is time to forget."""
        return len(self._changed) > MOST

    def forget(self) -> list[int]:
        """Drop the half in which nothing has happened for longest; returns the new number for each old one, -1: gone.

        The group of all jobs is always kept, and stays the first.
        """
        newest = sorted(range(1, len(self._changed)), key=lambda group: -self._changed[group])
        kept = [0, *sorted(newest[: MOST // 2])]
        renumbered = [-1] * len(self._changed)
        for number, group in enumerate(kept):
            renumbered[group] = number
        rows: list[tuple[Any, int]] = [
            (self._tally.passed, 2 * BINS),
            (self._tally.ended, 2 * BINS),
            (self._tally.running, 2 * BINS),
            (self._tally.weight, 2),
            (self._ended, 2),
            (self._changed, 1),
        ]
        for row, width in rows:
            row[:] = [value for group in kept for value in row[group * width : group * width + width]]
        self._number = {key: renumbered[old] for key, old in self._number.items() if renumbered[old] >= 0}
        return renumbered
