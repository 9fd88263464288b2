"""Spot zones: when they come and go, and what that does to the jobs in them."""

from __future__ import annotations

import math

from ...placement.tally import Tally
from .ask import foresee
from .jit import jit
from .rent import Rules
from .run import enqueue, stop
from .state import IN_CLOUD, State

H = 3600.0


@jit
def flip_zone(s: State, rules: Rules, tally: Tally, code: int, since: float, now: float) -> None:
    """Zone |code| - 1 can be had from now on, or, with a code below 0, no more: then its jobs are interrupted."""
    zone = abs(code) - 1
    if code > 0:
        s.zone_free[zone] = True
        return
    s.zone_free[zone] = False
    s.zone_downs[zone] += 1.0
    s.zone_hours[zone] += now - since
    place = 0
    while place < s.counts[IN_CLOUD]:
        job = s.cloud[place]
        if s.job[job].zone == zone:
            _interrupt(s, rules, tally, job, now)
        else:
            place += 1


@jit
def _interrupt(s: State, rules: Rules, tally: Tally, job: int, now: float) -> None:
    """It loses what it has done since its last checkpoint, or all if it cannot be resumed, and waits again."""
    worked = max(now - s.job[job].seg, 0.0)
    stop(s, rules, tally, job, now)
    s.job[job].broken += 1
    if s.job[job].resumable:
        s.job[job].left += worked - math.floor(worked / rules.every_h) * rules.every_h
        s.job[job].over += rules.restart_h
    else:
        s.job[job].left = s.job[job].run
    foresee(s, rules, tally, job, now)
    enqueue(s, job, now)


@jit
def used_up(s: State, rules: Rules, tally: Tally, now: float) -> None:
    """The budget is spent: everything rented is stopped. Resumable work goes on at home, other work begins anew
    there.
    """
    while s.counts[IN_CLOUD] > 0:
        job = s.cloud[s.counts[IN_CLOUD] - 1]
        stop(s, rules, tally, job, now)
        if not s.job[job].resumable:
            s.job[job].left = s.job[job].run
        s.job[job].over += rules.restart_h
        enqueue(s, job, now)
