"""Who starts on owned nodes, and who is rented for."""

from __future__ import annotations

import math

import numpy as np

from ...placement.policies.facts import ON_DEMAND, SPOT, WAIT
from ...placement.tally import Tally
from .ask import best_zone, facts_of, left_s
from .heap import push
from .jit import jit
from .moves import make_room
from .rent import Rules, may_rent
from .room import fit
from .run import begin_owned, begin_rented
from .state import (
    DECISIONS,
    DUES,
    FREE,
    IN_QUEUE,
    ON_OWNED,
    QUEUED,
    RESERVED,
    RESERVED_AT,
    SPARE,
    State,
)

EASY, IN_ORDER, ANY = 0, 1, 2
H = 3600.0


@jit
def start_waiting(s: State, rules: Rules, tally: Tally, begin: int, changed: bool, now: float) -> None:
    """Start those in the queue from place `begin` on that have room on owned nodes, as the order allows.

    `changed`: room was given back, or somebody left the queue, since the last time.
    """
    too_large = math.inf
    spare = math.inf
    until = math.inf
    # Those ahead of `begin` were looked at before, and had no room
    blocked = begin > 0
    kept = begin
    count = s.counts[IN_QUEUE]
    for place in range(begin, count):
        job = s.queue[place]
        parts = 0
        may = s.counts[FREE] > 0 and s.job[job].units < too_large and not (blocked and rules.order == IN_ORDER)
        if may and blocked and rules.order == EASY:
            # It may pass the first that is blocked if it ends before that can start, or leaves it its room
            may = now + s.job[job].expect / H <= until or s.job[job].units <= spare
        if may:
            parts = fit(s, s.job[job].units, rules.size, rules.best)
            s.counts[DECISIONS] += 1
        if parts > 0:
            if blocked and now + s.job[job].expect / H > until:
                spare -= s.job[job].units
                s.total[SPARE] = spare
            begin_owned(s, rules, tally, job, parts, now)
            continue
        if may:
            too_large = min(too_large, float(s.job[job].units))
        if not blocked:
            blocked = True
            if rules.order == EASY and s.counts[FREE] > 0:
                # Nothing has ended since: what was found for it then still holds
                if changed or s.counts[RESERVED] != job:
                    until, spare = _reserve(s, rules, tally, job, now)
                    s.counts[RESERVED], s.total[RESERVED_AT], s.total[SPARE] = job, until, spare
                until, spare = s.total[RESERVED_AT], s.total[SPARE]
        s.queue[kept] = job
        kept += 1
    s.counts[IN_QUEUE] = kept


@jit
def _reserve(s: State, rules: Rules, tally: Tally, job: int, now: float) -> tuple[float, float]:
    """When the job can start as running work ends (h), counted in units, and how many are free beside it then."""
    count = s.counts[ON_OWNED]
    ends = np.empty(count)
    for place in range(count):
        ends[place] = now + max(left_s(s, rules, tally, s.owned[place], now), 5.0) / H
    free = float(s.counts[FREE])
    for place in np.argsort(ends):
        free += s.job[s.owned[place]].units
        if free >= s.job[job].units:
            return ends[place], free - s.job[job].units
    return math.inf, free


@jit
def ask_policy(
    s: State, rules: Rules, tally: Tally, rule, entry_gain, leave_cost, knobs, begin: int, now: float
) -> bool:
    """Ask the policy about those in the queue from place `begin` on whose time has come; returns whether any left
    it.
    """
    ahead, ahead_units, left = 0.0, 0.0, False
    for place in range(0 if rules.steady else begin):  # a steady policy does not look at them
        ahead += 1.0
        ahead_units += s.job[s.queue[place]].units
    place = begin
    while place < s.counts[IN_QUEUE]:
        job = s.queue[place]
        place += 1
        if s.job[job].place != QUEUED:
            continue
        if _asked(s, rules, job, now) and _choose(
            s, rules, tally, rule, entry_gain, leave_cost, knobs, job, ahead, ahead_units, now
        ):
            left = True
            continue
        ahead += 1.0
        ahead_units += s.job[job].units
    return left


@jit
def _asked(s: State, rules: Rules, job: int, now: float) -> bool:
    """A steady policy is asked once and when its time has come, others at every look."""
    return not rules.steady or s.job[job].due < 0.0 or s.job[job].due <= now


@jit
def _choose(
    s: State,
    rules: Rules,
    tally: Tally,
    rule,
    entry_gain,
    leave_cost,
    knobs,
    job: int,
    ahead: float,
    ahead_units: float,
    now: float,
) -> bool:
    """What the policy says of a job without room; true if it leaves the queue."""
    s.counts[DECISIONS] += 1
    never_home = s.job[job].units > len(s.free) * rules.size
    facts = facts_of(s, rules, tally, job, ahead, ahead_units, now, rules.steady)
    choice, until = rule(knobs, facts)
    if never_home:
        choice = ON_DEMAND
    if choice == WAIT:
        due = until / H
        if due < math.inf and due != s.job[job].due:
            s.job[job].due = due
            note_due(s, job, due)
        s.job[job].due = due
        return False
    s.job[job].due = math.inf
    # One that was stopped itself does not make others stop
    may_ask = rules.moves and s.job[job].moves == 0 and not never_home
    if may_ask and make_room(s, rules, tally, leave_cost, knobs, job, entry_gain(knobs, facts), now):
        parts = fit(s, s.job[job].units, rules.size, rules.best)
        if parts > 0:
            begin_owned(s, rules, tally, job, parts, now)
            return True
    if not may_rent(s, rules, job):
        s.job[job].due = -1.0
        return False
    begin_rented(s, rules, tally, job, best_zone(s) if choice == SPOT else -1, now)
    return True


@jit
def note_due(s: State, job: int, due: float) -> None:
    """Look at the job again at that time."""
    s.counts[DUES] = push(s.due_at, s.due_job, s.counts[DUES], due, job)


@jit
def compact(s: State) -> None:
    """Take those out of the queue that do not wait any more."""
    kept = 0
    for place in range(s.counts[IN_QUEUE]):
        job = s.queue[place]
        if s.job[job].place == QUEUED:
            s.queue[kept] = job
            kept += 1
    s.counts[IN_QUEUE] = kept
