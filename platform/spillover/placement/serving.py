"""How many replicas an application should have on owned and on rented pools, and whether requests spill.

A pure function of what the data plane sees. The forecast is Little's law: a replica works on `ongoing` requests at
once, each for the measured `service_s`; with more requests in the system than all replicas work on, a new one takes
`service_s * in_system / places`. Requests spill while that would miss the latency target on owned replicas alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from ..domain.pool import PoolRole
from ..domain.serving import ServeTerms

UP_AFTER_S = 1.0
"""Pressure must hold for so long before replicas are added: one late request is no reason to rent."""

CALM = 0.7
"""Requests come back once owned replicas alone would need less than this part of the target..."""

CALM_FOR_S = 5.0
"""...for so long."""

FULL = 0.8
"""How much of a replica's places are planned for: at all of them, every burst of requests waits."""


@dataclass(frozen=True)
class Seen:
    """An application now. `service_s` is what a request takes in a replica, None while none was measured.

    `working` are replicas that answer on owned pools, `rented` those that answer on rented ones. `missing` are owned
    replicas that cannot be counted on: they wait for room, or their pool does not answer.
    """

    at: float
    in_system: int
    working: int
    rented: int
    service_s: float | None
    missing: int = 0


@dataclass(frozen=True)
class Memory:
    """What the plan must remember between two looks. Times are Unix seconds, None for not now.

    `peaks` are the highest needs seen lately as (time, replicas), in falling order: the largest within `idle_s` decides
    when replicas go.
    """

    spilling: bool = False
    pressed_since: float | None = None
    calm_since: float | None = None
    wanted: int = 0
    peaks: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class Plan:
    """How many replicas there should be on pools of each role, and whether rented ones take new requests."""

    baseline: int
    burst: int
    spill: bool
    sentence: str

    def of(self, role: PoolRole) -> int:
        """How many on pools of that role."""
        return self.baseline if role is PoolRole.BASELINE else self.burst


def plan(terms: ServeTerms, seen: Seen, memory: Memory) -> tuple[Plan, Memory]:
    """What should be, and what to remember for the next look."""
    memory = _pressure(terms, seen, _spill(terms, seen, memory))
    least = terms.baseline.least + terms.burst.least
    most = terms.baseline.most + terms.burst.most
    wanted = min(most, max(least, _wanted(terms, seen, memory)))
    memory = replace(memory, wanted=wanted)
    baseline = min(terms.baseline.most, max(terms.baseline.least, wanted - terms.burst.least))
    owned = max(0, baseline - seen.missing)
    burst = min(terms.burst.most, max(terms.burst.least, wanted - owned if _may_rent(memory, seen) else 0))
    return Plan(baseline, burst, memory.spilling, _sentence(terms, seen, memory, burst)), memory


def expected_s(terms: ServeTerms, seen: Seen, replicas: int) -> float:
    """What a new request would take with so many replicas, queueing included."""
    places = replicas * terms.ongoing
    return math.inf if not places else _service_s(terms, seen) * max(1.0, (seen.in_system + 1) / places)


def _service_s(terms: ServeTerms, seen: Seen) -> float:
    """Until one was measured, a request is taken to need the whole target: every queue counts."""
    return terms.latency_target_s if seen.service_s is None else seen.service_s


def _is_late(terms: ServeTerms, seen: Seen, replicas: int) -> bool:
    """Whether so many replicas would miss the target because of a queue. More of them make no single request faster."""
    expected = expected_s(terms, seen, replicas)
    return expected > max(terms.latency_target_s, _service_s(terms, seen))


def _spill(terms: ServeTerms, seen: Seen, memory: Memory) -> Memory:
    """Out at once when owned replicas would miss the target, back after they would have kept it for a while."""
    if _is_late(terms, seen, seen.working):
        return replace(memory, spilling=True, calm_since=None)
    calm = expected_s(terms, seen, seen.working) <= max(CALM * terms.latency_target_s, _service_s(terms, seen))
    if not memory.spilling or not calm:
        return replace(memory, calm_since=None)
    since = seen.at if memory.calm_since is None else memory.calm_since
    over = seen.at - since >= CALM_FOR_S
    return replace(memory, spilling=not over, calm_since=None if over else since)


def _pressure(terms: ServeTerms, seen: Seen, memory: Memory) -> Memory:
    need = seen.in_system / (terms.ongoing * FULL)
    young = [(at, peak) for at, peak in memory.peaks if seen.at - at < terms.idle_s and peak > need]
    pressed = _is_late(terms, seen, seen.working + seen.rented)
    since = seen.at if memory.pressed_since is None else memory.pressed_since
    return replace(memory, peaks=(*young, (seen.at, need)), pressed_since=since if pressed else None)


def _wanted(terms: ServeTerms, seen: Seen, memory: Memory) -> int:
    needed = math.ceil(seen.in_system / (terms.ongoing * FULL))
    pressed = memory.pressed_since is not None and seen.at - memory.pressed_since >= UP_AFTER_S
    if pressed:
        # A queue grows while replicas come up: it must not rent the whole cloud meanwhile
        answering = seen.working + seen.rented
        return max(memory.wanted, min(needed, 2 * max(1, answering)), answering + 1)
    # Never more than before without pressure, and only so many fewer as the last `idle_s` could have done without
    return min(memory.wanted, math.ceil(max(peak for _, peak in memory.peaks)))


def _may_rent(memory: Memory, seen: Seen) -> bool:
    """Rented replicas are kept while the peak that they were for is not forgotten."""
    return memory.spilling or seen.rented > 0 or not seen.working or memory.pressed_since is not None


def _sentence(terms: ServeTerms, seen: Seen, memory: Memory, burst: int) -> str:
    there = f"{seen.in_system} request{'s' * (seen.in_system != 1)} in the system"
    if not seen.working:
        owned = "no owned replica answers"
    else:
        expected = expected_s(terms, seen, seen.working)
        places = seen.working * terms.ongoing
        owned = f"owned replicas work on {places} at once and would take {expected:.2g} s for one more"
    target = f"the target is {terms.latency_target_s:.2g} s"
    if memory.spilling and terms.burst.most:
        return f"Spills: {there}, {owned}; {target}."
    if memory.spilling:
        return f"Would spill, but no rented replica is allowed: {there}, {owned}; {target}."
    kept = f" {burst} rented for at most {terms.idle_s:g} s after the last peak." if burst > terms.burst.least else ""
    return f"Stays on owned replicas: {there}, {owned}; {target}.{kept}"
