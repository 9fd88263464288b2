"""When waiting jobs may expect to start on a pool: live work played forward, in queue order."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count

from .capacity import Rooms
from .forecast import remaining_s
from .packing import Free, Need, Plan, add, subtract

EXACT = 32
"""So many waiting jobs are played forward one by one; for those behind them the work ahead is divided by the pool."""

Pack = Callable[[Sequence[Free]], Plan | None]
"""Places one kind of job on free rooms, or says that it does not fit."""

Release = tuple[float, int, tuple[tuple[int, Need], ...]]


@dataclass(eq=False, slots=True)
class _State:
    """The pool at `clock`: what is free then, and what is given back later."""

    clock: float
    frees: list[Free]
    ends: list[Release]

    def copy(self) -> _State:
        return _State(self.clock, [dict(free) for free in self.frees], list(self.ends))

    def step(self) -> None:
        """Go to the next end of work and give its room back, with all that ends at the same moment."""
        self.clock = max(self.clock, self.ends[0][0])
        while self.ends and self.ends[0][0] <= self.clock:
            for index, need in heapq.heappop(self.ends)[2]:
                add(self.frees[index], need)


@dataclass(frozen=True, eq=False, slots=True)
class Start:
    """An expected start: at `at`, in the rooms of `plan`, and `frees` is what is left beside it then."""

    at: float
    plan: Plan
    state: _State

    @property
    def frees(self) -> list[Free]:
        """What is left at that moment beside the job itself."""
        return self.state.frees


class Line:
    """The jobs that wait for one pool, in order. Each starts no earlier than the one ahead of it.

    That makes an expected start late rather than early: a small job may pass by backfill. Work that is not ours never
    ends here, for nobody knows when it does; a job that it keeps out has no expected start and holds nobody up.
    Only nodes that are up or coming are counted.
    """

    def __init__(self, now: float, rooms: Rooms) -> None:
        self._tie = count()
        ends = [(now + remaining_s(hold.ends_at, now), next(self._tie), hold.takes) for hold in rooms.holds]
        heapq.heapify(ends)
        self._state = _State(now, [dict(free) for free in rooms.frees], ends)
        self._joined = 0
        self._tail_s = 0.0
        self._seen: dict[int, Start | None] = {}

    def emptied(self) -> list[Free]:
        """What would be free if all live work had ended."""
        state = self._state.copy()
        while state.ends:
            state.step()
        return state.frees

    def start_at(self, key: int, pack: Pack) -> float | None:
        """When the next job of this kind would start (Unix seconds); None if no start is in sight.

        `key` names the kind of job: the answer for a kind is kept until the line changes.
        """
        if self._joined >= EXACT:
            return self._state.clock + self._tail_s
        start = self._look(key, pack)
        return None if start is None else start.at

    def _look(self, key: int, pack: Pack) -> Start | None:
        if key not in self._seen:
            self._seen[key] = _play(self._state.copy(), pack)
        return self._seen[key]

    def join(self, key: int, pack: Pack, runtime_s: float, share: float) -> Start | None:
        """Put a job at the end of the line; returns its start as long as the line is played out one by one.

        Behind that, a job is taken to hold the whole pool for `share` x `runtime_s` seconds. Only the first start
        stays as it is: later ones share their state with the line.
        """
        if self._joined >= EXACT:
            self._tail_s += share * runtime_s
            return None
        start = self._look(key, pack)
        if start is None:
            return None
        # The first start is kept as a reservation, so it must not move on with the line.
        kept = start if self._joined else replace(start, state=start.state.copy())
        self._state = start.state
        heapq.heappush(self._state.ends, (start.at + runtime_s, next(self._tie), start.plan.takes))
        self._joined += 1
        self._seen.clear()
        return kept

    def occupy(self, plan: Plan, end: float) -> None:
        """Note a job that starts now, ahead of all who wait, and runs until `end`. Nodes that it opens count."""
        self._state.frees += [dict(node_type.resources) for node_type in plan.opened]
        self._seen.clear()
        if end <= self._state.clock:
            return
        for index, need in plan.takes:
            subtract(self._state.frees[index], need)
        heapq.heappush(self._state.ends, (end, next(self._tie), plan.takes))


def _play(state: _State, pack: Pack) -> Start | None:
    """Let live work end, one moment after the other, until the job fits; its room is taken in the result."""
    while (plan := pack(state.frees)) is None:
        if not state.ends:
            return None
        state.step()
    for index, need in plan.takes:
        subtract(state.frees[index], need)
    return Start(state.clock, plan, state)
