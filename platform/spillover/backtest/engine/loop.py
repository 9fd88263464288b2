"""The replay itself: from event to event until nothing can happen any more."""

from __future__ import annotations

import math

import numpy as np

from ...placement.tally import Tally
from .ask import foresee
from .heap import pop
from .jit import jit
from .learn import promise
from .moves import come_home
from .queue import EASY, ask_policy, compact, start_waiting
from .rent import Rules, cool_all, owed, spend_until
from .run import enqueue, finish
from .state import (
    CLOUD_UNITS,
    DUES,
    EVENTS,
    EXHAUSTED,
    FREE,
    IN_CLOUD,
    IN_QUEUE,
    NOW,
    OWNED,
    QUEUED,
    REVIEWED,
    SAMPLES,
    SPENT,
    USD_PER_H,
    State,
)
from .zones import flip_zone, used_up

_LOW = 0xFFFFFFFF


@jit
def play(s: State, rules: Rules, tally: Tally, rule, home_gain, entry_gain, leave_cost, knobs, step_h: float) -> None:
    """Play to the end. The functions are the policy's, compiled; every `step_h` hours the world is noted in
    `series`.
    """
    arrival, flip, jobs, size = 0, 0, len(s.job), len(s.free) * rules.size
    flip_since = np.zeros(len(s.zone_price))
    while True:
        _drop_stale(s)
        now = _next(s, rules, arrival, flip)
        if now == math.inf:
            break
        _note(s, rules, now, step_h, size)
        spend_until(s, now)
        changed = _ends(s, rules, tally, now)
        while flip < len(s.flip_at) and s.flip_at[flip] <= now:
            code = s.flip[flip]
            flip_zone(s, rules, tally, code, flip_since[abs(code) - 1], now)
            if code > 0:
                flip_since[code - 1] = now
            else:
                changed = True
            flip += 1
        if s.total[SPENT] + owed(s, rules) >= rules.budget * (1.0 - 1e-9) and s.total[EXHAUSTED] == math.inf:
            s.total[EXHAUSTED] = now
            used_up(s, rules, tally, now)
            changed = True
        due = False
        while s.counts[DUES] > 0 and s.due_at[0] <= now:
            due = True
            s.counts[DUES] = pop(s.due_at, s.due_job, s.counts[DUES])
        if due:
            # Those whose time is over leave before newer ones come
            ask_policy(s, rules, tally, rule, entry_gain, leave_cost, knobs, 0, now)
            compact(s)
            changed = True
        first_new = s.counts[IN_QUEUE]
        while arrival < jobs and s.job[arrival].submit <= now:
            _arrive(s, rules, tally, arrival, now)
            # It may stand before others
            changed = changed or s.job[arrival].priority != 0
            arrival += 1
        if s.counts[IN_QUEUE] > 0:
            if s.counts[FREE] > 0:
                begin = 0 if changed or rules.order == EASY else first_new
                start_waiting(s, rules, tally, begin, changed, now)
            review = not rules.steady and now >= s.total[REVIEWED]
            if review:
                s.total[REVIEWED] = now + rules.review_h
            begin = 0 if review or changed else min(first_new, s.counts[IN_QUEUE])
            if ask_policy(s, rules, tally, rule, entry_gain, leave_cost, knobs, begin, now):
                compact(s)
        if rules.moves and changed and s.counts[FREE] > 0 and s.counts[IN_CLOUD] > 0:
            come_home(s, rules, tally, home_gain, knobs, now)
    cool_all(s, rules, rules.on_demand)


@jit
def _arrive(s: State, rules: Rules, tally: Tally, job: int, now: float) -> None:
    if rules.known or not rules.learns:
        foresee(s, rules, tally, job, now)
    else:
        mean, _, median, high = promise(tally, job, s.row)
        s.job[job].expect, s.job[job].typical, s.job[job].safe = mean, median, high
    enqueue(s, job, now)


@jit
def _drop_stale(s: State) -> None:
    """Take events away that were overtaken: their job has ended, moved or left the queue meanwhile."""
    while s.counts[EVENTS] > 0 and s.job[s.event[0] & _LOW].version != s.event[0] >> 32:
        s.counts[EVENTS] = pop(s.event_at, s.event, s.counts[EVENTS])
    while s.counts[DUES] > 0:
        job = s.due_job[0]
        if s.job[job].place == QUEUED and s.job[job].due == s.due_at[0]:
            break
        s.counts[DUES] = pop(s.due_at, s.due_job, s.counts[DUES])


@jit
def _next(s: State, rules: Rules, arrival: int, flip: int) -> float:
    """When something happens next (h); infinite once nothing but zones can change."""
    at = math.inf
    if arrival < len(s.job):
        at = s.job[arrival].submit
    if s.counts[EVENTS] > 0:
        at = min(at, s.event_at[0])
    if s.counts[DUES] > 0:
        at = min(at, s.due_at[0])
    if at < math.inf:
        if flip < len(s.flip_at):
            at = min(at, s.flip_at[flip])
        if s.total[EXHAUSTED] == math.inf and s.total[USD_PER_H] > 0.0:
            at = min(at, s.total[NOW] + max(rules.budget - s.total[SPENT] - owed(s, rules), 0.0) / s.total[USD_PER_H])
    return at


@jit
def _ends(s: State, rules: Rules, tally: Tally, now: float) -> bool:
    """End the jobs whose work is done; true if owned nodes were given back."""
    freed = False
    while s.counts[EVENTS] > 0 and s.event_at[0] <= now:
        job, version = s.event[0] & _LOW, s.event[0] >> 32
        s.counts[EVENTS] = pop(s.event_at, s.event, s.counts[EVENTS])
        if s.job[job].version == version:
            freed = freed or s.job[job].place == OWNED
            finish(s, rules, tally, job, now)
    return freed


@jit
def _note(s: State, rules: Rules, now: float, step_h: float, size: int) -> None:
    """Note how the world has been at each regular moment up to now."""
    while s.counts[SAMPLES] < len(s.series) and s.counts[SAMPLES] * step_h <= now:
        at = s.series[s.counts[SAMPLES]]
        asked = 0
        for place in range(s.counts[IN_QUEUE]):
            asked += s.job[s.queue[place]].units
        at[0], at[1] = s.counts[IN_QUEUE], asked / rules.scale
        at[2], at[3] = (size - s.counts[FREE]) / rules.scale, s.counts[CLOUD_UNITS] / rules.scale
        at[4] = s.total[SPENT]
        s.counts[SAMPLES] += 1
