"""What is known of a job when something is decided about it, as policies want it."""

from __future__ import annotations

import math

from ...placement.policies.facts import Facts
from ...placement.tally import Tally
from .jit import jit
from .learn import forecast
from .rent import Rules, billed_units
from .state import FREE, ON_OWNED, OWNED, RATE, RATE_AT, RENTED, State

H = 3600.0
_FRESH = 1.25
"""A forecast of a running job holds until its run time has grown by a quarter: these change on a log scale."""


@jit
def ran_h(s: State, job: int, now: float) -> float:
    """How long the job has worked so far, in all its runs."""
    done = s.job[job].run - s.job[job].left
    if s.job[job].place == OWNED or s.job[job].place == RENTED:
        done += max(now - s.job[job].seg, 0.0)
    return done


@jit
def foresee(s: State, rules: Rules, tally: Tally, job: int, now: float) -> None:
    """Forecast the job's time left anew."""
    ran = ran_h(s, job, now)
    s.job[job].asked = ran
    if rules.known:
        left = (s.job[job].run - ran) * H
        s.job[job].expect, s.job[job].typical, s.job[job].safe = left, left, left
        return
    if not rules.learns:
        left = max(rules.default_s, ran * H)
        s.job[job].expect, s.job[job].typical, s.job[job].safe = left, left, left
        return
    mean, _, median, high = forecast(tally, job, ran * H, s.row)
    s.job[job].expect, s.job[job].typical, s.job[job].safe = mean, median, high


@jit
def left_s(s: State, rules: Rules, tally: Tally, job: int, now: float) -> float:
    """Expected seconds that a running job still takes, forecast anew when it has run for much longer than last time."""
    ran = ran_h(s, job, now)
    if rules.known or ran > s.job[job].asked * _FRESH + 0.02:
        foresee(s, rules, tally, job, now)
    return s.job[job].expect


@jit
def release_rate(s: State, rules: Rules, tally: Tally, now: float) -> float:
    """Units that owned nodes are expected to give back an hour: each job's over its expected time left."""
    if now < s.total[RATE_AT]:
        return s.total[RATE]
    rate = 0.0
    for place in range(s.counts[ON_OWNED]):
        job = s.owned[place]
        rate += s.job[job].units / max(left_s(s, rules, tally, job, now) / H, 1.0 / 60.0)
    s.total[RATE], s.total[RATE_AT] = rate, now + rules.review_h
    return rate


@jit
def wait_h(s: State, rules: Rules, tally: Tally, job: int, ahead_units: float, now: float) -> float:
    """When owned nodes are expected to have given back what the job and those ahead of it ask."""
    short = s.job[job].units + ahead_units - s.counts[FREE]
    if short <= 0:
        short = float(s.job[job].units)
    rate = release_rate(s, rules, tally, now)
    return short / rate if rate > 0.0 else math.inf


@jit
def facts_of(
    s: State, rules: Rules, tally: Tally, job: int, ahead: float, ahead_units: float, now: float, brief: bool
) -> Facts:
    """The facts of a job; its forecast must have been made. In `brief` nothing is said of waiting and spot nodes."""
    gpus = s.job[job].units / rules.scale
    billed = billed_units(s.job[job].units, rules.sizes) / rules.scale
    zone = -1 if brief else best_zone(s)
    hours = s.zone_hours[zone] if zone >= 0 else 0.0
    spot_usd = billed * s.zone_price[zone] if zone >= 0 else math.inf
    breaks = (s.zone_downs[zone] + 1.0) / (hours + 10.0) if zone >= 0 else 0.0
    room_s = 0.0 if brief else wait_h(s, rules, tally, job, ahead_units, now) * H
    resumable = 1.0 if s.job[job].resumable else 0.0
    rate = s.job[job].price if s.job[job].place == RENTED else billed * rules.on_demand
    startup_usd = billed * rules.on_demand * (rules.startup_h + rules.idle_h)
    return Facts(
        now=now * H + 1e-6,  # never before a time that was found in seconds
        submitted_at=s.job[job].since * H,
        accelerators=gpus,
        usd_per_hour=rate,
        spot_usd_per_hour=spot_usd,
        once_usd=startup_usd + rules.start_usd * gpus,
        startup_s=rules.startup_h * H,
        left_s=s.job[job].expect,
        median_s=s.job[job].typical,
        safe_s=s.job[job].safe,
        wait_s=room_s,
        ahead=ahead,
        resumable=resumable,
        move_s=rules.move_h * H,
        move_usd=rules.move_usd * gpus,
        lost_s=(0.5 * rules.every_h + rules.restart_h) * H,
        interruptions_per_hour=breaks,
        deadline_at=s.job[job].deadline * H,
        done_s=ran_h(s, job, now) * H,
    )


@jit
def best_zone(s: State) -> int:
    """The free spot zone that costs least with its interruptions so far, of which each counts as half an hour; -1:
    none.
    """
    found, least = -1, math.inf
    for zone in range(len(s.zone_price)):
        if s.zone_free[zone]:
            rate = (s.zone_downs[zone] + 1.0) / (s.zone_hours[zone] + 10.0)
            cost = s.zone_price[zone] * (1.0 + 0.5 * rate)
            if cost < least:
                found, least = zone, cost
    return found
