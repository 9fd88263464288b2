"""How large batches may be, and how long they may be waited for, so that a latency target is kept. Pure functions.

The worst that happens to a request, as long as no more wait than fit into a batch: it comes just after a batch has
begun, waits for it to end, and goes with the next one. So two batches must fit into the target. To wait for company
for no longer than a batch takes makes the worst no worse: who comes while the model works has waited already.

Batches that are too small to keep up with what comes would keep no target at all, for the queue would only grow: so
they are at least as large as that needs, also where the target is then missed. And where not even single images keep
the target, small batches cannot help, and large ones work the queue off soonest.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

MARGIN = 0.8  # of the target: the rest is for what is not measured here, such as the network and other processes
SLOW = 0.95  # of the batches are no slower than what is reckoned with; a pause of the machine hits small ones as well
ENOUGH = 8  # batches without which nothing is changed
HEADROOM = 1.25  # more than what came lately
BUSY = 0.5  # share of the time that the model works, above which fewer and larger batches are worth a wait


@dataclass(frozen=True)
class Terms:
    """What the batcher goes by."""

    most: int  # images of a batch
    wait_s: float  # for company, from when its first image came


@dataclass(frozen=True)
class Seen:
    """A batch that was done."""

    size: int
    seconds: float


@dataclass(frozen=True)
class Lately:
    """How things went since the last time that terms were looked at."""

    busy: float  # share of the time that the model worked
    per_s: float  # images that came


@dataclass(frozen=True)
class Cost:
    """Of a batch: a line through the times seen, and how much longer the slow ones take."""

    fixed_s: float
    each_s: float
    spread: float = 1.0

    def seconds(self, size: int) -> float:
        """That all but the slowest batches of this size keep."""
        return self.spread * (self.fixed_s + self.each_s * size)

    def size_within(self, seconds: float, most: int) -> int:
        """Of the largest batch that takes no longer; 0 if there is none."""
        rest_s = seconds / self.spread - self.fixed_s
        if rest_s < self.each_s:
            return 0
        return most if rest_s >= self.each_s * most else int(rest_s / self.each_s)

    def size_for(self, per_s: float, most: int) -> int:
        """Of the smallest batches that do so many images a second."""
        free = 1 - per_s * self.each_s
        needed = per_s * self.fixed_s / free if free > 0 else math.inf
        return most if needed >= most else max(1, math.ceil(needed))

    @classmethod
    def of(cls, seen: Sequence[Seen]) -> Cost:
        """By least squares through the median of each size; neither part is below zero.

        Batches of one size alone say nothing of others: a larger one is then taken to cost in proportion, the worst
        that it could.
        """
        typical = _medians(seen)
        sizes, times = [s.size for s in seen], [typical[s.size] for s in seen]
        size, time = fmean(sizes), fmean(times)
        variance = fmean((s - size) ** 2 for s in sizes)
        covariance = fmean((s - size) * (t - time) for s, t in zip(sizes, times, strict=True))
        each = min(max(covariance / variance, 0.0), time / size) if variance else time / size
        line = cls(time - each * size, each)
        return cls(line.fixed_s, each, max(1.0, quantile([s.seconds / line.seconds(s.size) for s in seen], SLOW)))


def adapted(now: Terms, seen: Sequence[Seen], lately: Lately, *, target_s: float, most: int) -> Terms:
    """The terms of the next batches, after these.

    Batches grow to at most twice the largest that was seen, for what lies beyond was not measured.
    """
    if len(seen) < ENOUGH:
        return now
    cost, budget_s = Cost.of(seen), MARGIN * target_s
    fits = cost.size_within(budget_s / 2, most) or most
    wanted = max(fits, cost.size_for(HEADROOM * lately.per_s, most))
    size = min(wanted, most, max(now.most, 2 * max(s.size for s in seen)))
    pays = lately.busy > BUSY and size > 1
    return Terms(size, max(0.0, min(cost.fixed_s, budget_s - cost.seconds(size))) if pays else 0.0)


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that so many of them do not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def _medians(seen: Sequence[Seen]) -> Mapping[int, float]:
    """The time of each size."""
    times: dict[int, list[float]] = {}
    for one in seen:
        times.setdefault(one.size, []).append(one.seconds)
    return {size: median(found) for size, found in times.items()}
