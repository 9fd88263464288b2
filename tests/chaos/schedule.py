"""What happens when: drawn from a seed alone, before anything runs."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .records import Script

API_FAULTS = (
    "throttle",
    "late",
    "create_then_fail",
    "twice",
    "twice_despite_token",
    "refuse_terminate",
    "terminate_ignored",
    "stale",
    "api_down",
    "lack_spot",
    "lack_all",
)
BLOWS = ("reclaim_notice", "reclaim", "cut_worker", "cut_head", "freeze_head")
HOME_FAULTS = ("cut_home", "freeze_home")
KILL = "kill9"

LASTS_S = {
    "api_down": (15.0, 45.0),
    "freeze_head": (10.0, 30.0),
    "freeze_home": (10.0, 30.0),
    "cut_home": (2.0, 15.0),
    KILL: (0.0, 8.0),
}
_API_LASTS_S = (20.0, 45.0)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong, `at` seconds after the start. With `lasts_s` it is lifted that much later."""

    at: float
    kind: str
    lasts_s: float = 0.0
    how: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def until(self) -> float:
        return self.at + self.lasts_s


def plan(seed: int, length_s: float, kinds: Sequence[str], gap_s: tuple[float, float] = (10.0, 35.0)) -> list[Fault]:
    """Faults over `length_s`. Each kind comes once before any comes again, in an order of the seed's own.

    Two of a kind never overlap; others may, and that is the point.
    """
    dice = random.Random(f"faults {seed}")
    found: list[Fault] = []
    free_at: dict[str, float] = {}
    at, deck = dice.uniform(*gap_s), _deck(dice, kinds)
    while at < length_s:
        kind = next(deck)
        start = max(at, free_at.get(kind, 0.0))
        if start < length_s:
            fault = Fault(start, kind, min(_lasts_s(dice, kind), length_s - start), _how(dice, kind))
            free_at[kind] = fault.until + 1.0
            found.append(fault)
        at += dice.uniform(*gap_s)
    return sorted(found, key=lambda fault: fault.at)


def _deck(dice: random.Random, kinds: Sequence[str]) -> Iterator[str]:
    while True:
        yield from dice.sample(list(kinds), len(kinds))


def _lasts_s(dice: random.Random, kind: str) -> float:
    if kind in API_FAULTS or kind in LASTS_S:
        return dice.uniform(*LASTS_S.get(kind, _API_LASTS_S))
    return 0.0


def _how(dice: random.Random, kind: str) -> dict[str, Any]:
    """What the fault is told: arguments of the fake cloud's set_faults, or which victim is taken."""
    if kind == "late":
        return {"late": (round(dice.uniform(0.2, 0.6), 2), round(dice.uniform(1.0, 8.0), 1))}
    if kind == "stale":
        return {"stale_s": round(dice.uniform(5.0, 25.0), 1)}
    if kind in {"throttle", "create_then_fail", "twice", "twice_despite_token", "terminate_ignored"}:
        return {kind: round(dice.uniform(0.3, 0.8), 2)}
    if kind == "refuse_terminate":
        return {kind: 1.0}
    if kind == "reclaim_notice":
        return {"in_s": round(dice.uniform(5.0, 20.0), 1), "pick": dice.random()}
    return {"pick": dice.random()}


def scripts(seed: int, count: int, markets: Sequence[str], tag: str = "") -> list[Script]:
    """The load: short jobs, most of them well-behaved, half of them able to resume, each with one of the markets."""
    dice = random.Random(f"load {seed}")
    return [
        Script(
            job=f"c{seed}{tag}-{number:04d}",
            steps=dice.randrange(6, 50),
            code=dice.choice((0, 0, 0, 0, 0, 3)),
            resumable=dice.random() < 0.5,
            markets=dice.choice(markets),
        )
        for number in range(count)
    ]


def pauses(seed: int, busy_s: tuple[float, float] = (4.0, 9.0), quiet_s: tuple[float, float] = (30.0, 60.0)) -> Iterator[float]:
    """Seconds between submits: a wave of some jobs, then a quiet time in which pools are folded."""
    dice = random.Random(f"pauses {seed}")
    while True:
        for _ in range(dice.randrange(8, 18)):
            yield dice.uniform(*busy_s)
        yield dice.uniform(*quiet_s)
