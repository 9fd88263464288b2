"""Rented nodes: what they cost, how long they take to come, and that they stay a while when their job has ended."""

from __future__ import annotations

import math
from typing import NamedTuple

from ..columns import Ints
from .jit import jit
from .state import BILLED, CLOUD_UNITS, EXHAUSTED, IN_CLOUD, NOW, SPENT, USD_PER_H, WARM, State


class Rules(NamedTuple):
    """The world's settings as numbers. Money is US dollars, times are hours; `size` and `sizes` are in units."""

    size: int
    scale: float
    order: int
    best: bool
    moves: bool
    steady: bool
    known: bool
    learns: bool
    default_s: float
    on_demand: float
    startup_h: float
    idle_h: float
    move_h: float
    move_usd: float
    start_usd: float
    every_h: float
    restart_h: float
    most_units: float
    budget: float
    cooldown_h: float
    review_h: float
    sizes: Ints


@jit
def billed_units(units: int, sizes: Ints) -> int:
    """What a gang is billed for: nodes of the largest size, and the smallest that holds the rest."""
    largest = sizes[len(sizes) - 1]
    rest = units % largest
    if rest == 0:
        return units
    for size in sizes:
        if size >= rest:
            return units - rest + size
    return units - rest + largest


@jit
def spend_until(s: State, now: float) -> None:
    """Book what rented nodes in use have cost since the last time."""
    s.total[SPENT] += s.total[USD_PER_H] * (now - s.total[NOW])
    s.total[NOW] = now


@jit
def _warm(s: State, rules: Rules, units: int, now: float, usd: float) -> int:
    """Take idle nodes for the gang where there are any, paying for the time they stood idle; returns how many are
    missing.
    """
    largest = len(rules.sizes) - 1
    missing = 0
    whole, rest = units // rules.sizes[largest], units % rules.sizes[largest]
    for place in range(largest + 1):
        wanted = whole if place == largest else 0
        if rest > 0 and rules.sizes[place] >= rest and (place == 0 or rules.sizes[place - 1] < rest):
            wanted += 1
        for _ in range(wanted):
            if not _take_warm(s, rules, place, now, usd):
                missing += 1
    return missing


@jit
def _take_warm(s: State, rules: Rules, place: int, now: float, usd: float) -> bool:
    """The node that has been idle for the shortest time, so that the others are folded."""
    count = s.warm_count[place]
    if count == 0:
        return False
    until = s.warm_until[place * WARM + count - 1]
    if until <= now:
        _cool(s, rules, place, usd, count)
        return False
    s.warm_count[place] = count - 1
    s.total[SPENT] += (now - (until - rules.idle_h)) * rules.sizes[place] / rules.scale * usd
    return True


@jit
def _cool(s: State, rules: Rules, place: int, usd: float, count: int) -> None:
    """All that stood idle were folded: each is paid for until then."""
    s.total[SPENT] += count * rules.idle_h * rules.sizes[place] / rules.scale * usd
    s.warm_count[place] = 0


@jit
def keep_warm(s: State, rules: Rules, units: int, now: float, usd: float) -> None:
    """The gang's nodes stand idle from now on, until they are taken again or folded."""
    if rules.idle_h <= 0.0:
        return
    largest = len(rules.sizes) - 1
    whole, rest = units // rules.sizes[largest], units % rules.sizes[largest]
    for place in range(largest + 1):
        wanted = whole if place == largest else 0
        if rest > 0 and rules.sizes[place] >= rest and (place == 0 or rules.sizes[place - 1] < rest):
            wanted += 1
        for _ in range(wanted):
            count = s.warm_count[place]
            if count > 0 and s.warm_until[place * WARM + count - 1] <= now:
                _cool(s, rules, place, usd, count)
                count = 0
            if count == WARM:
                _cool(s, rules, place, usd, count)
                count = 0
            s.warm_until[place * WARM + count] = now + rules.idle_h
            s.warm_count[place] = count + 1


@jit
def cool_all(s: State, rules: Rules, usd: float) -> None:
    """The end: what still stands idle is paid for until it is folded."""
    for place in range(len(rules.sizes)):
        if s.warm_count[place] > 0:
            _cool(s, rules, place, usd, s.warm_count[place])


@jit
def owed(s: State, rules: Rules) -> float:
    """What the idle tails of all nodes that are rented now will cost at most (USD): a budget must hold them too."""
    units = s.counts[BILLED]
    for place in range(len(rules.sizes)):
        units += s.warm_count[place] * rules.sizes[place]
    return units / rules.scale * rules.idle_h * rules.on_demand


@jit
def may_rent(s: State, rules: Rules, job: int) -> bool:
    """Whether the job may burst, the cloud's limit allows it, and there is money for its nodes."""
    if not s.job[job].may_burst or s.total[EXHAUSTED] < math.inf:
        return False
    tail = billed_units(s.job[job].units, rules.sizes) / rules.scale * rules.idle_h * rules.on_demand
    once = tail + rules.start_usd * s.job[job].units / rules.scale
    if s.total[SPENT] + owed(s, rules) + once >= rules.budget:
        return False
    return s.counts[CLOUD_UNITS] + s.job[job].units <= rules.most_units


@jit
def rent(s: State, rules: Rules, job: int, now: float, zone: int) -> float:
    """Nodes for the job from now on, in a spot zone or (-1) on demand. Returns when its work can begin (h)."""
    spend_until(s, now)
    usd = rules.on_demand if zone < 0 else s.zone_price[zone]
    units = s.job[job].units
    before = s.total[SPENT]
    missing = _warm(s, rules, units, now, usd) if zone < 0 else 1
    s.total[SPENT] += rules.start_usd * units / rules.scale
    s.job[job].usd += s.total[SPENT] - before
    s.job[job].price = billed_units(units, rules.sizes) / rules.scale * usd
    s.total[USD_PER_H] += s.job[job].price
    s.job[job].zone = zone
    s.counts[CLOUD_UNITS] += units
    if zone < 0:
        s.counts[BILLED] += billed_units(units, rules.sizes)
    s.job[job].slot = s.counts[IN_CLOUD]
    s.cloud[s.counts[IN_CLOUD]] = job
    s.counts[IN_CLOUD] += 1
    return now + (rules.startup_h if missing > 0 else 0.0)


@jit
def leave(s: State, rules: Rules, job: int, now: float) -> None:
    """The job's rented nodes are its no longer."""
    spend_until(s, now)
    s.total[USD_PER_H] -= s.job[job].price
    s.counts[CLOUD_UNITS] -= s.job[job].units
    if s.job[job].zone < 0:
        s.counts[BILLED] -= billed_units(s.job[job].units, rules.sizes)
        keep_warm(s, rules, s.job[job].units, now, rules.on_demand)
    s.job[job].zone = -1
    s.job[job].price = 0.0
    s.counts[IN_CLOUD] -= 1
    last = s.cloud[s.counts[IN_CLOUD]]
    s.cloud[s.job[job].slot] = last
    s.job[last].slot = s.job[job].slot
    s.job[job].slot = -1
