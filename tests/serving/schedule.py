"""When requests are sent: phases of a rate, and arrivals by chance in them."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Phase:
    """A stretch of time. Its rate (requests a second) goes in a straight line from `begin` to `end` (None: it stays).

    Raises ValueError for a length or a rate below zero.
    """

    name: str
    seconds: float
    begin: float
    end: float | None = None

    def __post_init__(self) -> None:
        for what, value in (("seconds", self.seconds), ("begin", self.begin), ("end", self.last)):
            if not 0 <= value < math.inf:
                raise ValueError(f"phase '{self.name}': {what} is {value}; it must be a number of at least 0")

    @property
    def last(self) -> float:
        """The rate at its end."""
        return self.begin if self.end is None else self.end

    @property
    def requests(self) -> float:
        """How many there are in it on average."""
        return self.seconds * (self.begin + self.last) / 2

    def rate(self, at_s: float) -> float:
        """Requests a second at a time in it."""
        if not self.seconds:
            return self.begin
        return self.begin + (self.last - self.begin) * at_s / self.seconds

    def when(self, count: float) -> float:
        """After how many seconds as many requests are due on average: the integral of the rate, turned round."""
        slope = (self.last - self.begin) / self.seconds
        if abs(slope) < 1e-12:
            return count / self.begin
        return (math.sqrt(max(0.0, self.begin**2 + 2 * slope * count)) - self.begin) / slope


def length(phases: Sequence[Phase]) -> float:
    """Seconds of all phases together."""
    return sum(phase.seconds for phase in phases)


def arrivals(phases: Sequence[Phase], seed: int) -> list[float]:
    """Seconds after the start at which requests come: a Poisson process with that rate. The same seed, the same times."""
    dice = random.Random(seed)
    found, begun, due = [], 0.0, dice.expovariate(1)
    for phase in phases:
        while due < phase.requests:
            found.append(begun + phase.when(due))
            due += dice.expovariate(1)
        due -= phase.requests
        begun += phase.seconds
    return found


def cut(phases: Sequence[Phase], at_s: float) -> list[Phase]:
    """The same, with the phase that a time lies in ending then: what comes after it comes earlier.

    With the same seed arrivals before that time stay as they were.
    """
    made, begun = [], 0.0
    for phase in phases:
        inside = at_s - begun
        if 0 <= inside < phase.seconds:
            made.append(Phase(phase.name, inside, phase.begin, None if phase.end is None else phase.rate(inside)))
        else:
            made.append(phase)
        begun += phase.seconds
    return made


def phase_at(phases: Sequence[Phase], at_s: float) -> Phase:
    """Which phase a time lies in; what lies beyond is in the last."""
    begun = 0.0
    for phase in phases:
        begun += phase.seconds
        if at_s < begun:
            return phase
    return phases[-1]


def rate_at(phases: Sequence[Phase], at_s: float) -> float:
    """The rate that is wanted at a time, 0 outside of all phases."""
    begun = 0.0
    for phase in phases:
        if begun <= at_s < begun + phase.seconds:
            return phase.rate(at_s - begun)
        begun += phase.seconds
    return 0.0
