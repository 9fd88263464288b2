"""A world of one job with a deadline: spot nodes come and go by a trace, on-demand nodes can always be had."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from spillover.placement.policies.deadline import may_leave, meet
from spillover.placement.policies.facts import ON_DEMAND, SPOT, WAIT, Facts

ON_DEMAND_USD, SPOT_USD = 3.06, 0.98
_FOLDERS = (Path(__file__).parents[3].parent / "shared/traces/spot/availability",)


@cache
def real_traces() -> dict[str, tuple[float, tuple[bool, ...]]]:
    """By zone, the tick in seconds and whether a V100 spot node could be had: the NSDI'24 traces, where they are at hand."""
    found = {}
    for path in sorted(file for folder in _FOLDERS for file in folder.glob("*aws-02-15-2023*.json")):
        trace = json.loads(path.read_text())
        zone = path.stem.split("__")[2].removesuffix("_v100_1")
        found[zone] = (float(trace["metadata"]["gap_seconds"]), tuple(n > 0 for n in trace["data"]))
    return found


@dataclass(frozen=True)
class Run:
    """One job's life: when it ended (seconds after submission), and what it paid."""

    ended_s: float
    usd: float
    spot_s: float
    on_demand_s: float
    interruptions: int


@dataclass
class World:
    """A job of `work_s` that must be done `deadline_s` after its submission at the begin of `free`, one entry a tick.

    A node takes `startup_s`, paid for, before work goes on; an interruption takes back the newest `lost_s` of work.
    The rules know the work exactly.
    """

    tick_s: float
    free: Sequence[bool]
    work_s: float
    deadline_s: float
    startup_s: float
    lost_s: float
    tight_at: float = 0.6

    def play(self) -> Run:
        """Live through it: decisions are taken at each tick, when a node is lost, and when the rule said."""
        self._now, self._done, self._on, self._ready = 0.0, 0.0, WAIT, 0.0
        self._paid = {SPOT: 0.0, ON_DEMAND: 0.0}
        self._lost = 0
        while self._done < self.work_s - 1e-6:
            self._pass_time(self._decide())
        usd = (self._paid[SPOT] * SPOT_USD + self._paid[ON_DEMAND] * ON_DEMAND_USD) / 3600.0
        return Run(self._now, usd, self._paid[SPOT], self._paid[ON_DEMAND], self._lost)

    def _free(self) -> bool:
        tick = int(self._now / self.tick_s + 1e-9)
        return tick < len(self.free) and self.free[tick]

    def _facts(self) -> Facts:
        left_s = self.work_s - self._done
        spot = SPOT_USD if self._free() else math.inf
        return Facts(self._now, 0.0, 1.0, ON_DEMAND_USD, spot, 0.0, self.startup_s, left_s, left_s, left_s, math.inf,
                     0.0, 1.0, 0.0, 0.0, self.lost_s, 0.1, self.deadline_s, self._done)  # fmt: skip

    def _decide(self) -> float:
        """Go to where the rule says; when it wants to be asked again."""
        if self._on == SPOT and not self._free():
            self._on, self._done, self._lost = WAIT, max(self._done - self.lost_s, 0.0), self._lost + 1
        if self._on == ON_DEMAND and may_leave((self.tight_at,), self._facts()):
            self._on = WAIT
        if self._on != WAIT:
            return math.inf
        self._on, until = meet((self.tight_at,), self._facts())
        self._ready = self._now + self.startup_s
        return until if self._on == WAIT else math.inf

    def _pass_time(self, until: float) -> None:
        """To the next tick or `until`, whichever is first; or to the job's end."""
        tick = (math.floor(self._now / self.tick_s + 1e-9) + 1) * self.tick_s
        at = max(min(tick, until), self._now)
        if self._on != WAIT:
            at = min(at, max(self._ready, self._now) + self.work_s - self._done)
            self._done += max(at - max(self._ready, self._now), 0.0)
            self._paid[self._on] += at - self._now
        self._now = at
