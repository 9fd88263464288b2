"""Injects faults when they are due, and lifts them again."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .schedule import Fault
from .watch import Say
from .world import Lift, World


@dataclass
class Happened:
    """A fault as it was really injected. `hit` is the pool or machine; "" if there was nothing to hit."""

    fault: Fault
    at: float
    hit: str
    until: float | None = None

    @property
    def lasted_s(self) -> float:
        return (self.until or self.at) - self.at


class Timeline:
    """Runs a plan against a world."""

    def __init__(self, world: World, faults: Sequence[Fault], say: Say) -> None:
        self._world = world
        self._due = sorted(faults, key=lambda fault: fault.at)
        self._lasting: list[tuple[float, Happened, Lift]] = []
        self._say = say
        self.happened: list[Happened] = []

    @property
    def current(self) -> list[str]:
        """What is wrong now."""
        return [happened.fault.kind for _, happened, _ in self._lasting]

    def run(self, length_s: float, meanwhile: Callable[[], bool]) -> None:
        """Until `length_s` is over, or `meanwhile`, which is called several times a second, says no."""
        began = time.monotonic()
        while (now := time.monotonic() - began) < length_s and meanwhile():
            for entry in [e for e in self._lasting if e[0] <= now]:
                self._lift(entry)
            while self._due and self._due[0].at <= now:
                self._inject(self._due.pop(0))
            time.sleep(0.2)

    def peace(self) -> None:
        """Lift all that is left, whatever it was."""
        for entry in list(self._lasting):
            self._lift(entry)
        self._world.clear()

    def _inject(self, fault: Fault) -> None:
        hit, lift = self._world.inject(fault)
        happened = Happened(fault, time.time(), hit, None if lift else time.time())
        self.happened.append(happened)
        if lift is not None:
            self._lasting.append((fault.until, happened, lift))
        how = "".join(f" {name}={value}" for name, value in fault.how.items() if name != "pick")
        self._say(f"{fault.kind}{how}: {'hits ' + hit if hit else 'finds nothing to hit'}")

    def _lift(self, entry: tuple[float, Happened, Lift]) -> None:
        _, happened, lift = entry
        self._lasting.remove(entry)
        lift()
        happened.until = time.time()
        self._say(f"{happened.fault.kind} is over after {happened.lasted_s:.0f} s")
