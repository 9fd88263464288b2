"""Learns run times from jobs as they start and end, and forecasts others. The same for live jobs and for replays."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import NamedTuple

from . import tally
from .forecast import Forecast, source_of
from .groups import Groups
from .likeness import DEPTH, Like
from .survival import BINS, outlook

_STEADY = 100
"""A forecast holds until 1 or 2 in so many of all starts and ends are news, or its narrowest group has changed."""

_MOST_KNOWN = 20_000


class _Known(NamedTuple):
    """A forecast, what had happened in the narrowest group by then, and until how many starts and ends it holds.

    `checked` is how many there had been when that was last looked at.
    """

    forecast: Forecast
    groups: tuple[int, ...]
    changes: int
    until: float
    checked: int


class Learner:
    """A tally that grows with what it is told. Of a run that has not ended it learns only that it still lasts."""

    def __init__(self, default_runtime_s: float) -> None:
        self._default_s = default_runtime_s
        self._tally = tally.blank(1, default_runtime_s)
        self._groups = Groups(self._tally)
        self._place: dict[str, int] = {}
        self._done: dict[str, float] = {}
        self._row = [0.0] * BINS
        self._known: dict[tuple[Like, float | None], _Known] = {}
        self._made = 0
        self._free: list[int] = []
        self._asked = self._new_place()

    @property
    def running(self) -> AbstractSet[str]:
        """The names of the jobs that run, as far as it was told; not of those that pause."""
        return self._place.keys() - self._done.keys()

    def knows(self, name: str) -> bool:
        """Whether a job has started and not ended, as far as it was told."""
        return name in self._place

    def forecast(self, like: Like, hint_s: float | None) -> Forecast:
        """The run time of such a job; the same object until something that matters to it was learnt."""
        known, events = self._known.get((like, hint_s)), self._tally.counter[3]
        if known is not None and known.checked == events:
            return known.forecast
        groups = self._groups.find(like)
        changes = self._groups.changes(groups)
        if known is None or events >= known.until or (groups, changes) != (known.groups, known.changes):
            known = _Known(self._forecast(groups, hint_s), groups, changes, self._until(events), events)
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[like, hint_s] = known._replace(checked=events)
        return known.forecast

    def start(self, name: str, like: Like, hint_s: float | None, begun_at: float, now: float) -> None:
        """Job `name` runs since `begun_at` (Unix seconds), for the first time or again after a pause."""
        if name not in self._place:
            promised = self.forecast(like, hint_s)
            place = self._place[name] = self._free.pop() if self._free else self._new_place()
            self._put(place, self._groups.make(like), hint_s)
            self._tally.low[place], self._tally.high[place] = promised.low_s, promised.high_s
            self._note(place, ended=False)
        tally.start(self._tally, self._place[name], begun_at - self._done.pop(name, 0.0), now)
        self._forget()

    def pause(self, name: str, now: float) -> None:
        """The job does not run for now. Names that do not run are passed over, here and below."""
        if name in self.running:
            self._done[name] = max(0.0, now - self._tally.begun[self._place[name]])
            tally.pause(self._tally, self._place[name])

    def end(self, name: str, run_s: float, now: float) -> None:
        """The job has ended after running for `run_s` seconds."""
        self._done.pop(name, None)
        place = self._place.pop(name, None)
        if place is not None:
            tally.end(self._tally, place, run_s, now)
            self._note(place, ended=True)
            self._free.append(place)

    def cut(self, name: str, run_s: float, now: float) -> None:
        """The job was stopped from outside: it would have run for longer than `run_s`."""
        self._done.pop(name, None)
        place = self._place.pop(name, None)
        if place is not None:
            tally.cut(self._tally, place, run_s, now)
            self._free.append(place)

    def recall(self, like: Like, hint_s: float | None, run_s: float) -> None:
        """A run that is over by the time of the first start that is told. To be told in the order of their ends."""
        self._put(self._asked, self._groups.make(like), hint_s)
        tally.recall(self._tally, self._asked, run_s)
        self._note(self._asked, ended=True)
        self._forget()

    def refresh(self, now: float) -> None:
        """Bring the ages of all that runs up to date."""
        tally.refresh(self._tally, now)

    def _until(self, events: int) -> float:
        """Not all at once: making thousands of forecasts anew would hold up a pass."""
        self._made += 1
        return events + events / _STEADY * (1.0 + self._made % 64 / 64.0)

    def _forecast(self, groups: tuple[int, ...], hint_s: float | None) -> Forecast:
        self._put(self._asked, groups, hint_s)
        part = tally.SECONDS if hint_s is None else tally.RATIOS
        learnt = self._groups.learnt(groups, part)
        unit = tally.hazards(self._tally, self._asked, self._row)
        if learnt is None:
            self._row[:] = self._tally.prior[part * BINS : part * BINS + BINS]
        levels = self._tally.level[2 * part], self._tally.level[2 * part + 1]
        mean, low, median, high = (s * unit for s in outlook(self._row, self._tally.edges, 0.0, *levels))
        if learnt is None:  # the mean that the prior was made for, without the rounding of its bins
            mean = self._default_s if hint_s is None else hint_s
        runs = learnt.runs if learnt else 0
        source = source_of(runs, learnt.common if learnt else "", hint_s, self._default_s)
        return Forecast(mean, low, median, high, source, runs, tuple(self._row), unit, levels)

    def _new_place(self) -> int:
        t = self._tally
        for row, width in ((t.like, DEPTH), (t.at, 2), (t.live, 1)):
            row.extend([0] * width)
        for row_, width in ((t.unit, 2), (t.share, 2 * DEPTH), (t.begun, 1), (t.low, 1), (t.high, 1)):
            row_.extend([0.0] * width)
        t.place.append(-1)
        return len(t.place) - 1

    def _put(self, place: int, groups: tuple[int, ...], hint_s: float | None) -> None:
        self._tally.like[place * DEPTH : place * DEPTH + DEPTH] = groups
        self._tally.unit[2 * place : 2 * place + 2] = (1.0, (hint_s or 0.0) / tally.HINT)

    def _note(self, place: int, *, ended: bool) -> None:
        groups = tuple(self._tally.like[place * DEPTH : place * DEPTH + DEPTH])
        self._groups.note(groups, ended=ended, hinted=self._tally.unit[2 * place + 1] > 0.0)

    def _forget(self) -> None:
        if self._groups.crowded():
            renumbered = self._groups.forget()
            self._tally.like[:] = [-1 if group < 0 else renumbered[group] for group in self._tally.like]
            self._known.clear()
