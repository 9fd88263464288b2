"""What runs have taught of run times, kept event by event, and the forecasts that follow from it.

Functions of flat sequences, as in `survival`: a live server fills lists, a replay compiles them over arrays.
"""

from __future__ import annotations

import math

from .counts import HINT, RATIOS, SECONDS, Tally, blank, make_root
from .likeness import DEPTH
from .survival import BINS, Row, bin_of, outlook, survival

__all__ = [
    "HINT",
    "RATIOS",
    "SECONDS",
    "Tally",
    "blank",
    "cut",
    "end",
    "forecast",
    "hazards",
    "lasts",
    "pause",
    "promise",
    "recall",
    "refresh",
    "start",
]

AGED_EACH = 8
"""So many running jobs have their age brought up to date at each start and end."""

_HUGE = 2.0**500
_STEP, _EDGE, _NARROW = 0.001, 0.01, 0.15


def start(t: Tally, job: int, begun_at: float, now: float) -> None:
    """Job `job` runs, since `begun_at` if no time was lost. A job that runs already goes on with that begin."""
    t.begun[job] = begun_at
    if t.place[job] >= 0:
        return
    t.place[job] = t.counter[0]
    t.live[t.counter[0]] = job
    t.counter[0] += 1
    for part in range(2):
        t.at[2 * job + part] = 0
        for level in range(DEPTH):
            group = 2 * t.like[job * DEPTH + level] + part
            if group >= 0 and t.unit[2 * job + part] > 0.0:
                share = t.weight[group]
                t.share[(2 * job + part) * DEPTH + level] = share
                t.running[group * BINS] += share
                t.weight[group] = share * t.growth[level]
                if t.weight[group] > _HUGE:
                    _shrink(t, group)
    _tick(t, now)


def pause(t: Tally, job: int) -> None:
    """The job is at rest: its age stands still until it is started again."""
    t.begun[job] = math.inf


def end(t: Tally, job: int, run_s: float, now: float) -> None:
    """The job's run is over after `run_s` seconds of running: from now on others learn from it."""
    for part in range(2):
        unit, was = t.unit[2 * job + part], t.at[2 * job + part]
        if unit <= 0.0:
            continue
        last = bin_of(run_s / unit)
        for level in range(DEPTH):
            group = 2 * t.like[job * DEPTH + level] + part
            if group >= 0:
                row, share = group * BINS, t.share[(2 * job + part) * DEPTH + level]
                t.running[row + was] -= share
                if last > was:
                    t.passed[row + was] += share
                    share = t.weight[group]
                    for k in range(row + was + 1, row + last):
                        t.passed[k] += share
                t.passed[row + last] += share
                t.ended[row + last] += share
    _correct(t, job, run_s)
    _leave(t, job)
    _tick(t, now)


def cut(t: Tally, job: int, run_s: float, now: float) -> None:
    """The run was stopped from outside after `run_s`: it teaches that it lasted so long, not when it would end."""
    _age(t, job, run_s)
    for part in range(2):
        for level in range(DEPTH):
            group = 2 * t.like[job * DEPTH + level] + part
            if group >= 0 and t.unit[2 * job + part] > 0.0:
                t.running[group * BINS + t.at[2 * job + part]] -= t.share[(2 * job + part) * DEPTH + level]
    _leave(t, job)
    _tick(t, now)


def refresh(t: Tally, now: float) -> None:
    """Bring the ages of all running jobs up to date, and make both roots anew."""
    for place in range(t.counter[0]):
        job = t.live[place]
        _age(t, job, now - t.begun[job])
    make_root(t, SECONDS)
    make_root(t, RATIOS)


def _correct(t: Tally, job: int, run_s: float) -> None:
    """Move the levels of the bounds a little towards 1 in 10 below and 1 in 10 above (adaptive conformal inference).

    Gibbs and Candes, NeurIPS'21: whatever the jobs do, the misses come to the wanted share in the long run.
    """
    if t.high[job] <= 0.0:
        return
    part = RATIOS if t.unit[2 * job + 1] > 0.0 else SECONDS
    below = 1.0 if run_s < t.low[job] else 0.0
    above = 1.0 if run_s > t.high[job] else 0.0
    low, high = t.level[2 * part], t.level[2 * part + 1]
    t.level[2 * part] = min(max(low + _STEP * (0.1 - below), _EDGE), _NARROW)
    t.level[2 * part + 1] = max(min(high - _STEP * (0.1 - above), 1.0 - _EDGE), 1.0 - _NARROW)


def _leave(t: Tally, job: int) -> None:
    place, last = t.place[job], t.counter[0] - 1
    moved = t.live[last]
    t.live[place] = moved
    t.place[moved] = place
    t.place[job] = -1
    t.counter[0] = last


def _tick(t: Tally, now: float) -> None:
    """Age the next few running jobs, and make the roots anew once 1 in 200 of what they stand on has changed."""
    alive = t.counter[0]
    for _ in range(min(AGED_EACH, alive)):
        t.counter[1] = (t.counter[1] + 1) % alive
        job = t.live[t.counter[1]]
        _age(t, job, now - t.begun[job])
    t.counter[3] += 1
    t.counter[2] += 1
    if t.counter[2] * 200 >= t.counter[3] or t.counter[2] >= 20:
        t.counter[2] = 0
        make_root(t, SECONDS)
        make_root(t, RATIOS)


def _age(t: Tally, job: int, age_s: float) -> None:
    """The running job has reached that age: it has got through the bins up to it."""
    for part in range(2):
        unit, was = t.unit[2 * job + part], t.at[2 * job + part]
        if unit <= 0.0 or age_s < t.edges[was + 1] * unit:
            continue
        is_ = bin_of(age_s / unit)
        t.at[2 * job + part] = is_
        for level in range(DEPTH):
            group = 2 * t.like[job * DEPTH + level] + part
            if group >= 0:
                row, share, weight = group * BINS, t.share[(2 * job + part) * DEPTH + level], t.weight[group]
                t.running[row + was] -= share
                t.passed[row + was] += share
                for k in range(row + was + 1, row + is_):
                    t.passed[k] += weight
                t.running[row + is_] += weight
                t.share[(2 * job + part) * DEPTH + level] = weight


def _shrink(t: Tally, group: int) -> None:
    """Weights grow for ever: once they are huge, make all of the group's smaller by the same factor."""
    t.weight[group] /= _HUGE
    for k in range(group * BINS, group * BINS + BINS):
        t.ended[k] /= _HUGE
        t.passed[k] /= _HUGE
        t.running[k] /= _HUGE
    part = group % 2
    for place in range(t.counter[0]):
        job = t.live[place]
        for level in range(DEPTH):
            if 2 * t.like[job * DEPTH + level] + part == group:
                t.share[(2 * job + part) * DEPTH + level] /= _HUGE


def hazards(t: Tally, job: int, row: Row) -> float:
    """Fill `row` with the job's hazards by bin, from its groups; returns the seconds that a unit of bins stands for.

    From the broadest to the narrowest group, each bin's hazard is (ended + m parent) / (at risk + m): the parent
    counts as m more runs. At risk are all that got through the bin or ended in it, and by half those that are in it
    now (the actuarial rule), as in Kaplan and Meier's estimate: a run that has not ended yet is not taken for a short
    one.
    """
    part = RATIOS if t.unit[2 * job + 1] > 0.0 else SECONDS
    for k in range(BINS):
        row[k] = t.root[part * BINS + k]
    for level in range(1, DEPTH):
        group = 2 * t.like[job * DEPTH + level] + part
        if group >= 0:
            more = t.strength[level] * t.weight[group]
            base = group * BINS
            for k in range(BINS):
                risk = t.passed[base + k] + 0.5 * t.running[base + k]
                row[k] = (t.ended[base + k] + more * row[k]) / (risk + more)
    return float(t.unit[2 * job + part])


def forecast(t: Tally, job: int, age_s: float, row: Row) -> tuple[float, float, float, float]:
    """Seconds that the job still runs, having run for `age_s`: mean, low, median, high (8 of 10 lie between)."""
    unit = hazards(t, job, row)
    part = RATIOS if t.unit[2 * job + 1] > 0.0 else SECONDS
    mean, low, middle, high = outlook(row, t.edges, age_s / unit, t.level[2 * part], t.level[2 * part + 1])
    return mean * unit, low * unit, middle * unit, high * unit


def promise(t: Tally, job: int, row: Row) -> tuple[float, float, float, float]:
    """The forecast of a job that has not run yet, kept in `low` and `high`: what comes of it corrects later ones."""
    found = forecast(t, job, 0.0, row)
    t.low[job], t.high[job] = found[1], found[3]
    return found


def lasts(t: Tally, job: int, age_s: float, more_s: float, row: Row) -> float:
    """The chance that the job, having run for `age_s`, runs for `more_s` seconds more."""
    unit = hazards(t, job, row)
    return survival(row, t.edges, age_s / unit, more_s / unit)


def recall(t: Tally, job: int, run_s: float) -> None:
    """A run of before that is over: it counts as if it had begun and ended now."""
    for part in range(2):
        unit = t.unit[2 * job + part]
        if unit <= 0.0:
            continue
        last = bin_of(run_s / unit)
        for level in range(DEPTH):
            group = 2 * t.like[job * DEPTH + level] + part
            if group >= 0:
                weight = t.weight[group] * t.growth[level]
                t.weight[group] = weight
                for k in range(group * BINS, group * BINS + last + 1):
                    t.passed[k] += weight
                t.ended[group * BINS + last] += weight
                if weight > _HUGE:
                    _shrink(t, group)
    t.counter[3] += 1
