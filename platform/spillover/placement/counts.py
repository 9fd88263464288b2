"""The counts by which run times are learnt: runs by group of like jobs, and by bin of time. `tally` keeps them."""

from __future__ import annotations

from typing import NamedTuple

from .likeness import LEVELS
from .survival import BINS, Ints, Numbers, Row, bin_edges, lognormal, weibull

SECONDS, RATIOS = 0, 1
"""Two tallies side by side: of run times in seconds, and of run times over the user's hint."""

HINT = 4096.0
"""A run that took exactly its hint counts as so many units: the middle of the bins, with room both ways."""

_CARRY = 0.8
_SURE, _MOST, _LEAST = 0.95, 0.5, 0.23
_HINT_SIGMA = 0.7


class Tally(NamedTuple):
    """Counts by group and bin, and what is known of each of n jobs. All flat.

    Each group has two rows of BINS, of SECONDS and of RATIOS, at (2 group + part) BINS: `passed` (weight of runs that
    got through a bin, or ended in it), `ended` (of those that ended in it), `running` (of those in it now); and
    `weight` [2 group + part], that of a run that enters a bin now: older ones weigh less. By level: `growth` (each
    start makes what follows weigh so much more), `strength` (the level above counts as so many runs). `prior` and
    `root` are hazards, 2 rows. By job: `like` (DEPTH group numbers, -1 for none), `unit` (2: seconds a unit, 0 where a
    part does not apply), `begun` (start, moved on by pauses), `at` (2: bin of its age), `share` (2 DEPTH: its weights
    there), `place` in `live` (-1: does not run), `low` and `high` (the interval that was promised). `live` lists
    running jobs; `counter` holds: how many, the next to age, events since the roots were made, events in all. `edges`
    are the bins' edges; `level` are the levels of the quantiles that 8 of 10 lie between, 2 a part.
    """

    edges: Numbers
    prior: Numbers
    growth: Numbers
    strength: Numbers
    root: Row
    passed: Row
    ended: Row
    running: Row
    weight: Row
    like: Ints
    unit: Row
    begun: Row
    at: Ints
    share: Row
    place: Ints
    low: Row
    high: Row
    live: Ints
    counter: Ints
    level: Row


def blank(groups: int, default_runtime_s: float) -> Tally:
    """A tally without jobs that has learnt nothing: `default_runtime_s` is the mean that is assumed without a hint."""
    edges = bin_edges()
    t = Tally(
        edges=edges,
        prior=weibull(default_runtime_s, edges) + lognormal(HINT, _HINT_SIGMA, edges),
        growth=[2.0 ** (1.0 / level.half_life) for level in LEVELS],
        strength=[level.strength for level in LEVELS],
        root=[0.0] * (2 * BINS),
        passed=[0.0] * (groups * 2 * BINS),
        ended=[0.0] * (groups * 2 * BINS),
        running=[0.0] * (groups * 2 * BINS),
        weight=[1.0] * (2 * groups),
        like=[],
        unit=[],
        begun=[],
        at=[],
        share=[],
        place=[],
        low=[],
        high=[],
        live=[],
        counter=[0, 0, 0, 0],
        level=[0.1, 0.9, 0.1, 0.9],
    )
    make_root(t, SECONDS)
    make_root(t, RATIOS)
    return t


def make_root(t: Tally, part: int) -> None:
    """The hazards of all jobs: what was seen; where little was, the prior times how the bins below compare with theirs.

    That is how the tail beyond the longest run seen is extrapolated: in the prior's shape, at the level last observed.
    """
    first, unit, strength = part * BINS, t.weight[part], t.strength[0]
    seen, expected = 1.0, 1.0
    for k in range(first, first + BINS):
        gone, risk = t.ended[k] / unit, (t.passed[k] + 0.5 * t.running[k]) / unit
        guess = min(max(t.prior[k] * seen / expected, min(t.prior[k], _LEAST)), max(t.prior[k], _MOST))
        t.root[k] = min((gone + strength * guess) / (risk + strength), _SURE)
        seen = _CARRY * seen + gone + (1.0 - _CARRY)
        expected = _CARRY * expected + risk * t.prior[k] + (1.0 - _CARRY)
