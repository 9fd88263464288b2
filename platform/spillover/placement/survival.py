"""How long a run still lasts, given that it has lasted so long: curves of hazards over log-spaced bins of time.

Plain loops over flat sequences of numbers: they run on lists as they stand, and compile with numba on arrays.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

BINS = 64
"""Bin 0 is the first 1.3 s; each edge is 1.3 times (2 to the 3/8) the one before; the last bin begins at 150 days."""

PER_OCTAVE = 8.0 / 3.0

_NOTHING = 1e-7

Numbers = Sequence[float]
Row = Any  # of floats: a list or an array
Ints = Any


def bin_edges() -> list[float]:
    """BINS + 1 edges in seconds: bin k is from edge k until edge k + 1."""
    return [0.0] + [2.0 ** (k / PER_OCTAVE) for k in range(1, BINS + 1)]


def bin_of(seconds: float) -> int:
    """The bin that a duration falls in; the last one for all that are longer than every edge."""
    if seconds < 1.0:
        return 0
    return min(int(math.log2(seconds) * PER_OCTAVE), BINS - 1)


def inside(edges: Numbers, k: int, seconds: float) -> float:
    """Which part of bin k has passed at that time, 0 to 1 (uniform within a bin)."""
    return min(max((seconds - edges[k]) / (edges[k + 1] - edges[k]), 0.0), 1.0)


def survival(hazard: Numbers, edges: Numbers, age_s: float, more_s: float) -> float:
    """The chance that a run of that age lasts `more_s` seconds more: S(age + more) / S(age)."""
    first, last = bin_of(age_s), bin_of(age_s + more_s)
    alive = 1.0 - hazard[first] * inside(edges, first, age_s)
    reach = 1.0
    for k in range(first, last):
        reach *= 1.0 - hazard[k]
    return min(reach * (1.0 - hazard[last] * inside(edges, last, age_s + more_s)) / alive, 1.0)


def mean_left(hazard: Numbers, edges: Numbers, age_s: float) -> float:
    """The mean seconds that a run of that age still lasts.

    Past the last edge a run is taken to last as long again (a Pareto tail of index 2): nothing is cut to nothing.
    """
    first = bin_of(age_s)
    start = max(age_s, 0.0)
    alive = 1.0 - hazard[first] * inside(edges, first, start)
    reach, total = 1.0, 0.0
    for k in range(first, BINS):
        after = reach * (1.0 - hazard[k])
        if k == first:
            total += 0.5 * (alive + after) * max(edges[k + 1] - start, 0.0)
        else:
            total += 0.5 * (reach + after) * (edges[k + 1] - edges[k])
        reach = after
        if reach < _NOTHING * alive:
            return total / alive
    return (total + reach * max(edges[BINS], start)) / alive


def left_at(hazard: Numbers, edges: Numbers, age_s: float, level: float) -> float:
    """The seconds more that a run of that age lasts with chance 1 - `level`: the quantile of what is left."""
    first = bin_of(age_s)
    start = max(age_s, 0.0)
    wanted = (1.0 - level) * (1.0 - hazard[first] * inside(edges, first, start))
    reach = 1.0
    for k in range(first, BINS):
        after = reach * (1.0 - hazard[k])
        if after <= wanted:
            part = (reach - wanted) / (reach - after) if reach > after else 1.0
            return max(edges[k] + part * (edges[k + 1] - edges[k]) - start, 0.0)
        reach = after
    # A Pareto tail of index 2 from the last edge on
    return max(edges[BINS], start) * math.sqrt(reach / max(wanted, 1e-12)) - start


def outlook(
    hazard: Numbers, edges: Numbers, age_s: float, low: float, high: float
) -> tuple[float, float, float, float]:
    """Of what is left of a run of that age, at once: mean, quantile at `low`, median, quantile at `high`."""
    first = bin_of(age_s)
    start, end = max(age_s, 0.0), max(edges[BINS], age_s)
    alive = 1.0 - hazard[first] * inside(edges, first, start)
    lows, middles, highs = -1.0, -1.0, -1.0
    reach, total, begin = alive, 0.0, start
    for k in range(first, BINS):
        after = reach * (1.0 - hazard[k]) if k > first else 1.0 - hazard[k]
        width = max(edges[k + 1] - begin, 0.0)
        total += 0.5 * (reach + after) * width
        if lows < 0.0 and after <= (1.0 - low) * alive:
            lows = begin + _part(reach, after, (1.0 - low) * alive) * width
        if middles < 0.0 and after <= 0.5 * alive:
            middles = begin + _part(reach, after, 0.5 * alive) * width
        if highs < 0.0 and after <= (1.0 - high) * alive:
            highs = begin + _part(reach, after, (1.0 - high) * alive) * width
        reach, begin = after, edges[k + 1]
        if reach < _NOTHING * alive:
            return total / alive, lows - start, middles - start, highs - start
    share = reach / alive
    lows = lows if lows >= 0.0 else end * math.sqrt(share / (1.0 - low))
    middles = middles if middles >= 0.0 else end * math.sqrt(share / 0.5)
    highs = highs if highs >= 0.0 else end * math.sqrt(share / max(1.0 - high, 1e-9))
    return total / alive + share * end, lows - start, middles - start, highs - start


def _part(before: float, after: float, wanted: float) -> float:
    return (before - wanted) / (before - after) if before > after else 1.0


def weibull(mean_s: float, edges: Numbers) -> list[float]:
    """Hazards by bin of a Weibull of shape 1/2 and that mean: what is assumed of run times before any was seen.

    Its median is a quarter of the mean, 8 of 10 runs lie between 0.006 and 2.7 times the mean: as wide as run times
    are.
    """
    return _with_mean(mean_s, lambda mean: _weibull(mean, edges), edges)


def lognormal(mean: float, sigma: float, edges: Numbers) -> list[float]:
    """Hazards by bin of a log-normal with that mean and standard deviation of the logarithm."""
    return _with_mean(mean, lambda m: _lognormal(m, sigma, edges), edges)


def _with_mean(mean: float, make: Callable[[float], list[float]], edges: Numbers) -> list[float]:
    """Bins round the mean up by some 1%: aim so much lower."""
    aim = mean
    for _ in range(3):
        aim *= mean / mean_left(make(aim), edges, 0.0)
    return make(aim)


def _weibull(mean_s: float, edges: Numbers) -> list[float]:
    scale = mean_s / 2.0
    return [-math.expm1(math.sqrt(a / scale) - math.sqrt(b / scale)) for a, b in pairwise(edges)]


def _lognormal(mean: float, sigma: float, edges: Numbers) -> list[float]:
    middle = math.log(mean) - sigma * sigma / 2.0
    tails = [1.0] + [math.erfc((math.log(e) - middle) / (sigma * math.sqrt(2.0))) / 2.0 for e in edges[1:]]
    return [1.0 - b / a if a > 1e-12 else 0.9 for a, b in pairwise(tails)]
