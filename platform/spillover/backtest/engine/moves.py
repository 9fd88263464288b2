"""Work that moves: home from rented nodes, and out of the way of work that cannot come home later."""

from __future__ import annotations

import math

from ...placement.tally import Tally
from .ask import facts_of, foresee, left_s
from .jit import jit
from .rent import Rules, owed
from .room import fit, part
from .run import begin_owned, enqueue, pay_move, stop
from .state import FREE, IN_CLOUD, MOVED_HOME, MOVED_OUT, ON_OWNED, SPENT, State


@jit
def come_home(s: State, rules: Rules, tally: Tally, home_gain, knobs, now: float) -> None:
    """Move resumable jobs from rented nodes to free owned ones, those first that save most for each accelerator."""
    too_large = math.inf
    while s.counts[FREE] > 0:
        best, most = -1, 0.0
        for place in range(s.counts[IN_CLOUD]):
            job = s.cloud[place]
            units = s.job[job].units
            if (
                not s.job[job].resumable
                or units >= too_large
                or units > s.counts[FREE]
                or now - s.job[job].moved < rules.cooldown_h
            ):
                continue
            left_s(s, rules, tally, job, now)
            gain = home_gain(knobs, facts_of(s, rules, tally, job, 0.0, 0.0, now, True)) / units
            if gain > most:
                best, most = job, gain
        if (
            best < 0
            or s.total[SPENT] + owed(s, rules) + rules.move_usd * s.job[best].units / rules.scale >= rules.budget
        ):
            return
        parts = fit(s, s.job[best].units, rules.size, rules.best)
        if parts == 0:
            too_large = float(s.job[best].units)
            continue
        stop(s, rules, tally, best, now)
        pay_move(s, rules, best, now, True)
        begin_owned(s, rules, tally, best, parts, now)
        s.counts[MOVED_HOME] += 1


@jit
def make_room(s: State, rules: Rules, tally: Tally, leave_cost, knobs, job: int, gain: float, now: float) -> bool:
    """Stop resumable jobs on owned nodes so that this one has room, if that costs less than it gains (USD)."""
    nodes, size = len(s.free), rules.size
    if s.job[job].units > nodes * size or not _movable_room(s, rules, job, now):
        return False
    short = s.scratch[nodes : 2 * nodes]
    if not _choose_nodes(s, rules, job):
        return False
    chosen, cost = 0, 0.0
    victims = s.scratch[2 * nodes : 4 * nodes]
    while True:
        missing = 0
        for node in range(nodes):
            missing += max(short[node], 0)
        if missing == 0:
            break
        victim = _victim(s, rules, short, now)
        if victim < 0 or chosen == len(victims):
            cost = math.inf
            break
        victims[chosen] = victim
        chosen += 1
        s.job[victim].mark = 1
        for k in range(s.job[victim].parts):
            short[s.nodes_of[s.job[victim].first + k]] -= part(s.job[victim].units, size, k)
        cost += leave_cost(knobs, facts_of(s, rules, tally, victim, 0.0, 0.0, now, True))
        if cost >= gain:
            break
    for k in range(chosen):
        s.job[victims[k]].mark = 0
    if cost >= gain:
        return False
    for k in range(chosen):
        stop(s, rules, tally, victims[k], now)
        pay_move(s, rules, victims[k], now, False)
        foresee(s, rules, tally, victims[k], now)
        enqueue(s, victims[k], now)
        s.counts[MOVED_OUT] += 1
    return True


@jit
def _may_leave(s: State, rules: Rules, job: int, now: float) -> bool:
    return (
        s.job[job].resumable
        and s.job[job].mark == 0
        and s.job[job].seg <= now
        and now - s.job[job].moved >= rules.cooldown_h
    )


@jit
def _movable_room(s: State, rules: Rules, job: int, now: float) -> bool:
    """Count by node what resumable jobs hold, into the first part of `scratch`; false if all of it would not do."""
    nodes = len(s.free)
    total = s.counts[FREE]
    for node in range(nodes):
        s.scratch[node] = 0
    for place in range(s.counts[ON_OWNED]):
        other = s.owned[place]
        if _may_leave(s, rules, other, now):
            total += s.job[other].units
            for k in range(s.job[other].parts):
                s.scratch[s.nodes_of[s.job[other].first + k]] += part(s.job[other].units, rules.size, k)
    return total >= s.job[job].units


@jit
def _choose_nodes(s: State, rules: Rules, job: int) -> bool:
    """The nodes on which least is missing, with what is missing there in the second part of `scratch`."""
    nodes, size = len(s.free), rules.size
    short = s.scratch[nodes : 2 * nodes]
    for node in range(nodes):
        short[node] = 0
    whole, rest = s.job[job].units // size, s.job[job].units % size
    taken = s.scratch[2 * nodes : 3 * nodes]
    for node in range(nodes):
        taken[node] = 0
    for k in range(whole + (rest > 0)):
        wanted = size if k < whole else rest
        chosen, best = -1, -math.inf
        for node in range(nodes):
            free = s.free[node]
            if taken[node] == 0 and free + s.scratch[node] >= wanted:
                # Where nothing is missing the fullest node, else that on which least is
                score = 2.0 * size - free if free >= wanted else float(free)
                if score > best:
                    chosen, best = node, score
        if chosen < 0:
            return False
        taken[chosen] = 1
        short[chosen] = max(wanted - s.free[chosen], 0)
    return True


@jit
def _victim(s: State, rules: Rules, short, now: float) -> int:
    """The resumable job that frees most of what is missing and little else; among equals that which still takes
    longest.
    """
    best, most = -1, -math.inf
    for place in range(s.counts[ON_OWNED]):
        job = s.owned[place]
        if not _may_leave(s, rules, job, now):
            continue
        useful = 0
        for k in range(s.job[job].parts):
            useful += min(part(s.job[job].units, rules.size, k), max(short[s.nodes_of[s.job[job].first + k]], 0))
        if useful == 0:
            continue
        score = useful - 0.1 * (s.job[job].units - useful) + 1e-6 * min(s.job[job].expect, 1e6) / 3600.0 * rules.scale
        if score > most:
            best, most = job, score
    return best
