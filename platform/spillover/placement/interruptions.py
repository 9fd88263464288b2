"""What the spot market is expected to cost a job that runs there: how often it takes nodes back, and what is lost."""

from __future__ import annotations

import math
from typing import NamedTuple

from ..domain.job import Hints
from ..domain.pool import Pool
from ..domain.resources import Resources
from ..domain.terms import Terms

MOST_TRIES = 20.0
"""A job that starts from the beginning each time is counted with so many interruptions at most. At 0.3 an hour,
10 hours of work reach that, and take 67: no price makes up for it, and beyond the number grows past all meaning."""

_HOUR_S = 3600.0


class Rate(NamedTuple):
    """How often a node is taken back, an hour, and where that is known from, in words."""

    per_hour: float
    source: str


NEVER = Rate(0.0, "")


def set_rate(per_hour: float) -> Rate:
    """A rate that the settings say."""
    return Rate(per_hour, f"{per_hour:g} an hour each by setting") if per_hour else NEVER


class Setback(NamedTuple):
    """What one interruption costs a kind of job on one pool besides the work that is done again from the beginning.

    A resumable job loses `lost_s` seconds: half the time between two checkpoints, the start of a node that takes the
    lost one's place, reading the checkpoint, and the restart. Any other loses all it has done, and the same but for
    the checkpoint.
    """

    lost_s: float
    resumable: bool


class Stops(NamedTuple):
    """Interruptions of one gang: any of its `nodes` on the spot market ends it, when it is taken back.

    `per_s` is the rate of all of them together, `source` where it is known from.
    """

    per_s: float
    setback: Setback
    nodes: int = 0
    source: str = ""

    def expected(self, work_s: float) -> float:
        """How many there are until that much work is done.

        They come at random, with the same rate all the time (a Poisson process). A resumable job meets rate x work.
        One that starts anew must get through its work in one piece, which takes exp(rate x work) tries on average.
        """
        if self.setback.resumable:
            return self.per_s * work_s
        return math.expm1(self.per_s * self._exposed_s(work_s))

    def _exposed_s(self, work_s: float) -> float:
        """The part of the work that is counted as exposed, so that there are MOST_TRIES at most."""
        return min(work_s, math.log1p(MOST_TRIES) / self.per_s) if self.per_s else work_s

    def extra_s(self, work_s: float) -> float:
        """Expected seconds that they add to so much work.

        Resumable: each costs its `lost_s`. Others: (exp(rate x work) - 1) / rate is how long it takes until a piece of
        that length has gone through, tries included; each new try begins with `lost_s`.
        """
        if not self.per_s:
            return 0.0
        stops = self.expected(work_s)
        # At rates of almost nothing, rounding would take time off
        again_s = 0.0 if self.setback.resumable else max(0.0, stops / self.per_s - self._exposed_s(work_s))
        return again_s + stops * self.setback.lost_s

    def work_within(self, seconds: float) -> float:
        """How much work is done in so many seconds as expected: the work with which its `extra_s` comes to them."""
        if not self.per_s or seconds <= 0:
            return max(0.0, seconds)
        if self.setback.resumable:
            return seconds / (1.0 + self.per_s * self.setback.lost_s)
        each_s = 1.0 / self.per_s + self.setback.lost_s
        exposed_s = math.log1p(min(MOST_TRIES, seconds / each_s)) / self.per_s
        return exposed_s + max(0.0, seconds - MOST_TRIES * each_s)


NO_SETBACK = Setback(0.0, resumable=True)
NO_STOPS = Stops(0.0, NO_SETBACK)


def checkpoint_gb(total: Resources, terms: Terms) -> float:
    """How large a checkpoint of a gang is, in GB: so much for each GPU, for a job without any as for one."""
    return max(1.0, total.get("GPU", 0.0)) * terms.checkpoint_gb


def setback_of(hints: Hints, total: Resources, pool: Pool, terms: Terms) -> Setback:
    """What an interruption costs such a job on that pool."""
    lost_s = pool.startup_s + terms.restart_s
    if hints.resumable:
        lost_s += terms.checkpoint_every_s / 2 + checkpoint_gb(total, terms) * 8.0 / pool.gbit_per_s
    return Setback(lost_s, hints.resumable)
