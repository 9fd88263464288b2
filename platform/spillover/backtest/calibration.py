"""Whether forecasts hold what they promise: each is made from what had ended by then, and judged by what came of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..placement.policies.compiled import compiled
from ..placement.survival import BINS, Row
from ..placement.tally import Tally, end, forecast, lasts, promise, start
from .columns import Bools, Columns, Floats, Ints
from .forecasts import tally_of

_YOUNG_S, _OLD_S = 10.0, 1e6


@dataclass(frozen=True, eq=False)
class Calibration:
    """Forecasts of a trace's jobs, one entry a job: the run time as forecast at submission, in seconds.

    `reached` is the level of the forecast distribution at which the real run time lies: of forecasts that are right,
    these are uniform between 0 and 1. `age_s` is an age drawn for the job whatever its run time, evenly on a log
    scale. If it still ran then (`asked`), the `left_` columns are what was forecast of the time left; else NaN.
    """

    run_s: Floats
    mean_s: Floats
    low_s: Floats
    median_s: Floats
    high_s: Floats
    reached: Floats
    age_s: Floats
    left_mean_s: Floats
    left_low_s: Floats
    left_high_s: Floats

    @property
    def held(self) -> Bools:
        """Which run times came to lie in their 80% interval."""
        return (self.run_s >= self.low_s) & (self.run_s <= self.high_s)

    @property
    def asked(self) -> Bools:
        """Which jobs were asked about while they ran."""
        return self.run_s > self.age_s

    @property
    def left_held(self) -> Bools:
        """Of those that were asked about, which had a time left that lay in its 80% interval."""
        left = self.run_s - self.age_s
        return ((left >= self.left_low_s) & (left <= self.left_high_s))[self.asked]


def calibrate(
    trace: Columns, default_runtime_s: float = 3600.0, seed: int = 0, *, machine_code: bool = True
) -> Calibration:
    """Play the trace as if each job ran at once, and note each job's forecasts on the way.

    `machine_code` takes 10 s to compile, and then 10 microseconds a job instead of a millisecond.
    """
    n = len(trace)
    # Not by the run time: a moment drawn from a job's own life would come early in long lives and tell of their length
    age_s = np.exp(np.random.default_rng(seed).uniform(math.log(_YOUNG_S), math.log(_OLD_S), n))
    given, asked = np.full((n, 5), np.nan), np.full((n, 3), np.nan)
    ends = np.argsort(trace.submit_s + trace.run_s, kind="stable")
    asks = np.argsort(trace.submit_s + age_s, kind="stable")
    asks = asks[trace.run_s[asks] > age_s[asks]]
    play: Any = compiled(_play) if machine_code else _play
    t = tally_of(trace, default_runtime_s)
    play(t, trace.submit_s, trace.run_s, age_s, ends, asks, given, asked, np.empty(BINS))
    mean, low, median, high, reached = given.T
    return Calibration(trace.run_s, mean, low, median, high, reached, age_s, *asked.T)


def _play(
    t: Tally,
    submit_s: Floats,
    run_s: Floats,
    age_s: Floats,
    ends: Ints,
    asks: Ints,
    given: Any,
    asked: Any,
    row: Row,
) -> None:
    """Submissions, questions and ends in the order of time; of two at once, ends come first."""
    n = len(submit_s)
    come, ended, looked = 0, 0, 0
    while ended < n:
        ending, looking = ends[ended], asks[looked] if looked < len(asks) else 0
        end_at = submit_s[ending] + run_s[ending]
        look_at = submit_s[looking] + age_s[looking] if looked < len(asks) else np.inf
        come_at = submit_s[come] if come < n else np.inf
        if t.place[ending] >= 0 and end_at <= come_at and end_at <= look_at:
            end(t, ending, run_s[ending], end_at)
            ended += 1
        elif come_at <= look_at:
            given[come, 0], given[come, 1], given[come, 2], given[come, 3] = promise(t, come, row)
            given[come, 4] = 1.0 - lasts(t, come, 0.0, run_s[come], row)
            start(t, come, come_at, come_at)
            come += 1
        else:
            asked[looking, 0], asked[looking, 1], _, asked[looking, 2] = forecast(t, looking, age_s[looking], row)
            looked += 1


@dataclass(frozen=True, eq=False)
class Naive:
    """What the newest ended jobs took, whoever they were: quantiles of the last 500. What a forecast has to beat."""

    low_s: Floats
    median_s: Floats
    high_s: Floats


def naive(trace: Columns, default_runtime_s: float = 3600.0, newest: int = 500) -> Naive:
    """For each job the 10%, 50% and 90% quantiles of the jobs that had ended last when it was submitted."""
    ended_at = trace.submit_s + trace.run_s
    order = np.argsort(ended_at, kind="stable")
    runs, known = trace.run_s[order], np.searchsorted(ended_at[order], trace.submit_s, side="right")
    found = np.full((len(trace), 3), default_runtime_s)
    for job, count in enumerate(known):
        if count:
            found[job] = np.quantile(runs[max(0, count - newest) : count], (0.1, 0.5, 0.9))
    return Naive(*found.T)


def pinball(actual_s: Floats, low_s: Floats, median_s: Floats, high_s: Floats) -> float:
    """The mean pinball loss of the three quantiles, of logarithms: run times differ by orders of magnitude.

    Koenker and Bassett 1978: the loss that the true quantiles make least. All is taken to last a second at least.
    """
    actual = np.log(np.maximum(actual_s, 1.0))
    losses = []
    for level, quantile_s in ((0.1, low_s), (0.5, median_s), (0.9, high_s)):
        over = actual - np.log(np.maximum(quantile_s, 1.0))
        losses.append(np.maximum(level * over, (level - 1.0) * over).mean())
    return float(np.mean(losses))


def shares(held: Bools, parts: int) -> Sequence[float]:
    """The share that held in each of so many equal parts of the trace, in time order."""
    return [float(part.mean()) for part in np.array_split(held, parts)]
