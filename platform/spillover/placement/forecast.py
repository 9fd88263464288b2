"""How long a job runs, as a distribution, and what is left of it once it has run for some time."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from .survival import bin_edges, left_at, outlook, survival

UNKNOWN = "run time unknown"
"""How the source of a run time begins when it is assumed, not known."""

HINTED = "the job's own hint"

_EDGES = bin_edges()
_LEAST_REMAINING_S = 5.0
_STEADY = 1.02


class Spread(NamedTuple):
    """Seconds: the mean, the median, and `low_s` to `high_s`, between which 8 of 10 lie."""

    mean_s: float
    low_s: float
    median_s: float
    high_s: float


@dataclass(frozen=True)
class Forecast:
    """The run time of a job that has not begun, and where that comes from: `like_jobs` runs, or a hint.

    `hazard` are its chances to end, bin by bin (`survival`), on bins that are `unit_s` seconds a unit; the 80%
    interval is between the quantiles at `levels`, which are kept right by what came of earlier forecasts.
    """

    mean_s: float
    low_s: float
    median_s: float
    high_s: float
    source: str
    like_jobs: int = 0
    hazard: tuple[float, ...] = field(default=(), repr=False, compare=False)
    unit_s: float = 1.0
    levels: tuple[float, float] = (0.1, 0.9)

    def left(self, age_s: float) -> Spread:
        """The seconds that it still runs once it has run for `age_s`."""
        found = outlook(self.hazard, _EDGES, age_s / self.unit_s, *self.levels)
        return Spread(*(seconds * self.unit_s for seconds in found))

    def left_mean_s(self, age_s: float) -> float:
        """The mean of what is left."""
        return self.left(age_s).mean_s if age_s > 0 else self.mean_s

    def left_at(self, level: float, age_s: float = 0.0) -> float:
        """The quantile at that level of the seconds that it still runs, having run for `age_s`."""
        return left_at(self.hazard, _EDGES, age_s / self.unit_s, level) * self.unit_s

    def outlasts(self, more_s: float, age_s: float = 0.0) -> float:
        """The chance that it runs for `more_s` seconds more, having run for `age_s`."""
        return survival(self.hazard, _EDGES, age_s / self.unit_s, more_s / self.unit_s)


class Ending:
    """When a job that runs is expected to end: the mean, given that it has run for so long.

    It stays the same until that age has grown by 2% or something was learnt: a queue that is played forward anew each
    second should not tremble.
    """

    __slots__ = ("_at", "_forecast", "_until")

    def __init__(self) -> None:
        self._forecast: Forecast | None = None
        self._at = 0.0
        self._until = 0.0

    def at(self, forecast: Forecast, began_at: float, now: float) -> float:
        """In Unix seconds."""
        if self._forecast is not forecast or now >= min(self._until, self._at):
            age_s = max(0.0, now - began_at)
            self._forecast = forecast
            self._at = now + forecast.left_mean_s(age_s)
            self._until = began_at + age_s * _STEADY + 1.0
        return self._at


def source_of(runs: int, common: str, hint_s: float | None, default_s: float) -> str:
    """Where a forecast comes from: so many `runs`, with what they have in `common`; a hint; or nothing."""
    if hint_s is not None:
        return f"{HINTED}, and {runs} earlier hint{'s' * (runs > 1)}" if runs else HINTED
    return f"{runs} run{'s' * (runs > 1)} {common}" if runs else f"{UNKNOWN}, {span(default_s)} assumed"


def remaining_s(ends_at: float, now: float) -> float:
    """Seconds that live work is still expected to take: at least 5, for it is still there."""
    return max(ends_at - now, _LEAST_REMAINING_S)


def span(seconds: float) -> str:
    """A duration for people: `40 s`, `3 min`, `1.5 h`, `2 d`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    if seconds < 172_800:
        return _tenths(round(seconds / 360), "h")
    return _tenths(round(seconds / 8640), "d")


@lru_cache(maxsize=2048)
def _tenths(tenths: int, unit: str) -> str:
    return f"{tenths / 10:g} {unit}"
