"""Climbs the concave dual of the relaxed problem: Adam on the prices, then the mean of the last ones."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from .bound_dual import Line, ceiling, line, nobody_waits, opening
from .bound_problem import Problem
from .columns import Floats

SEARCH, POLISH, END = 0.1, 0.02, 0.002
"""How far a price of owned capacity moves in one step, in cloud prices: at first on few slots, on many, and at last."""
TAIL = 0.4
"""The last share of the steps, over which prices and schedules are averaged."""


Prices = tuple[Floats, float]
"""Of an owned GPU-hour in each slot, and of an hour of one job's waiting, in cloud GPU-hours."""


class Adam:
    """Steps along a slope, scaled to each coordinate's recent size (Kingma and Ba, 2015)."""

    def __init__(self, coordinates: int) -> None:
        self._mean, self._square, self._steps = np.zeros(coordinates), np.zeros(coordinates), 0

    def step(self, slope: Floats) -> Floats:
        """The direction of the next step, each coordinate about 1 at most."""
        self._steps += 1
        self._mean = 0.9 * self._mean + 0.1 * slope
        self._square = 0.99 * self._square + 0.01 * slope * slope
        mean, square = self._mean / (1 - 0.9**self._steps), self._square / (1 - 0.99**self._steps)
        return np.asarray(mean / (np.sqrt(square) + 1e-3))


class Mean:
    """The mean of lines: of their prices, which concavity makes a good point, and of their schedules."""

    def __init__(self, slots: int) -> None:
        self._sum, self._count = np.zeros(2 * slots + 2), 0

    def add(self, seen: Line) -> None:
        """Counts one more line."""
        self._sum += np.concatenate([seen.price, [math.log(seen.wait_price)], seen.used, [seen.waited]])
        self._count += 1

    def prices(self) -> tuple[Floats, float]:
        """The mean price in each slot, and the geometric mean of the prices of waiting."""
        half = len(self._sum) // 2
        return self._sum[: half - 1] / self._count, math.exp(self._sum[half - 1] / self._count)

    def schedule(self) -> tuple[Floats, float]:
        """The mean GPU-hours run in each slot, and the mean of the hours waited."""
        half = len(self._sum) // 2
        return self._sum[half:-1] / self._count, self._sum[-1] / self._count


def climb(given: Problem, allowed_h: float, begin: Prices, steps: int, pace: float) -> tuple[Line, Mean]:
    """The best line found for `allowed_h` hours of waiting in all, from these prices on, and the mean of the last ones.

    The slope is the capacity used in each slot and the hours waited, relative to what there is of each. Prices of
    waiting move by factors; with no wait allowed, theirs stays where nobody waits.
    """
    limit = nobody_waits(given)
    at = np.append(begin[0], math.log(min(begin[1], limit) if allowed_h > 0 else limit))
    adam, mean, best = Adam(len(at)), Mean(len(at) - 1), line(given, begin[0], math.exp(at[-1]))
    for step in range(steps):
        seen = line(given, at[:-1].copy(), math.exp(at[-1]))
        best = max(best, seen, key=lambda found: found.at(allowed_h))
        if step >= int((1 - TAIL) * steps):
            mean.add(seen)
        at += pace * (END / pace) ** (step / steps) * adam.step(_slope(given, seen, allowed_h))
        np.clip(at[:-1], 0.0, ceiling(given), out=at[:-1])
        at[-1] = min(at[-1], math.log(limit))
    return max(best, line(given, *mean.prices()), key=lambda found: found.at(allowed_h)), mean


def climbs(coarse: Problem, fine: Problem, allowed_h: Sequence[float], steps: int) -> list[tuple[Line, float]]:
    """For each allowed wait, in ascending order, a line on the fine slots and what some schedule attains there.

    Each wait begins where the one before ended, on the coarse slots. Where a line had reached 0, more waiting is not
    looked at: a bound of 0 needs no proof.
    """
    found: list[tuple[Line, float]] = []
    at_zero = not (fine.gpus * fine.run).any()
    begin = opening(coarse)
    onto = np.minimum(np.searchsorted(coarse.edges, fine.edges[:-1], "right") - 1, len(coarse.edges) - 2)
    for allowed in allowed_h:
        if at_zero:
            found.append((line(fine, np.zeros(len(onto)), 0.0), math.nan))
            continue
        best, _ = climb(coarse, allowed, begin, 2 * steps if not found else steps, SEARCH)
        begin = best.price, best.wait_price if allowed > 0 else begin[1]
        best, mean = climb(fine, allowed, (best.price[onto], best.wait_price), steps // 3 + 1, POLISH)
        found.append((best, attained(fine, mean, allowed)))
        at_zero = best.at(allowed) <= 0
    return found


def attained(given: Problem, mean: Mean, allowed_h: float) -> float:
    """The cloud GPU-hours of a mixture of schedules that waits as allowed, which no line can exceed on these slots.

    It mixes the mean of the schedules seen with nobody waiting. Unknown (NaN) where some jobs cannot be moved.
    """
    if not given.movable.all():
        return math.nan
    used, waited = mean.schedule()
    share = min(1.0, allowed_h / waited) if waited > 0 else 1.0
    at_once = line(given, np.zeros(len(used)), nobody_waits(given)).used
    return float(np.maximum(0.0, share * used + (1 - share) * at_once - given.capacity).sum())


def _slope(given: Problem, seen: Line, allowed_h: float) -> Floats:
    """The dual's supergradient relative to capacity and allowed wait, 0 where a price stands at its limit; clipped."""
    slots = np.clip(seen.used / np.maximum(given.capacity, 1e-9) - 1.0, -3.0, 3.0)
    slots[(seen.price >= ceiling(given)) & (slots > 0) | (seen.price <= 0) & (slots < 0)] = 0.0
    waiting = min(3.0, seen.waited / allowed_h - 1.0) if allowed_h > 0 else 0.0
    return np.append(slots, waiting / 2)
