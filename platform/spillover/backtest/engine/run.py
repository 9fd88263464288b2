"""A job's ways: it begins on owned nodes or rented ones, is stopped, goes back to the queue, ends."""

from __future__ import annotations

from ...placement.tally import Tally
from .heap import push
from .jit import jit
from .learn import end, pause, start
from .rent import Rules, leave, rent
from .room import give, take
from .state import (
    CLOUD_UNIT_H,
    EGRESS,
    ENDED,
    EVENTS,
    IN_QUEUE,
    OWNED,
    OWNED_UNIT_H,
    QUEUED,
    RENTED,
    SPENT,
    State,
)

H = 3600.0


@jit
def _go(s: State, tally: Tally, job: int, at: float, now: float) -> None:
    """Its work goes on at `at`, after start-up and pauses: note when it would end."""
    s.job[job].held = now
    s.job[job].seg = at + s.job[job].over
    s.job[job].over = 0.0
    s.job[job].due = -1.0
    if s.job[job].began < 0.0:
        s.job[job].began = s.job[job].seg
    start(tally, job, (s.job[job].seg - (s.job[job].run - s.job[job].left)) * H, now * H)
    s.job[job].version += 1
    s.counts[EVENTS] = push(
        s.event_at, s.event, s.counts[EVENTS], s.job[job].seg + s.job[job].left, job | s.job[job].version << 32
    )


@jit
def begin_owned(s: State, rules: Rules, tally: Tally, job: int, parts: int, now: float) -> None:
    """It runs on owned nodes, the first `parts` of `scratch`."""
    take(s, job, parts, rules.size)
    s.job[job].place = OWNED
    s.job[job].where |= 1
    _go(s, tally, job, now, now)


@jit
def begin_rented(s: State, rules: Rules, tally: Tally, job: int, zone: int, now: float) -> None:
    """It runs on rented nodes, when they are up."""
    at = rent(s, rules, job, now, zone)
    s.job[job].place = RENTED
    s.job[job].where |= 2
    _go(s, tally, job, at, now)


@jit
def stop(s: State, rules: Rules, tally: Tally, job: int, now: float) -> None:
    """It leaves its nodes with the work that it has done."""
    worked = max(now - s.job[job].seg, 0.0)
    s.job[job].left -= worked
    _leave_nodes(s, rules, job, now)
    s.job[job].version += 1
    pause(tally, job)


@jit
def _leave_nodes(s: State, rules: Rules, job: int, now: float) -> None:
    held_h = now - s.job[job].held
    if s.job[job].place == OWNED:
        s.total[OWNED_UNIT_H] += held_h * s.job[job].units
        give(s, job, rules.size)
        return
    s.job[job].cloud_h += held_h
    s.total[CLOUD_UNIT_H] += held_h * s.job[job].units
    s.job[job].usd += s.job[job].price * held_h
    leave(s, rules, job, now)


@jit
def finish(s: State, rules: Rules, tally: Tally, job: int, now: float) -> None:
    """Its work is done."""
    _leave_nodes(s, rules, job, now)
    s.job[job].place = ENDED
    s.job[job].left = 0.0
    s.job[job].ended = now
    s.job[job].version += 1
    end(tally, job, s.job[job].run * H, now * H)


@jit
def enqueue(s: State, job: int, now: float) -> None:
    """It waits from now on, behind all of its priority or a higher one."""
    s.job[job].place = QUEUED
    s.job[job].since = now
    s.job[job].due = -1.0
    place = s.counts[IN_QUEUE]
    while place > 0 and s.job[s.queue[place - 1]].priority < s.job[job].priority:
        s.queue[place] = s.queue[place - 1]
        place -= 1
    s.queue[place] = job
    s.counts[IN_QUEUE] += 1


@jit
def pay_move(s: State, rules: Rules, job: int, now: float, egress: bool) -> None:
    """A move costs a pause at its next start, and from the cloud the egress of its checkpoint."""
    s.job[job].over += rules.move_h
    s.job[job].moved = now
    s.job[job].moves += 1
    if egress:
        usd = rules.move_usd * s.job[job].units / rules.scale
        s.total[SPENT] += usd
        s.total[EGRESS] += usd
        s.job[job].usd += usd
