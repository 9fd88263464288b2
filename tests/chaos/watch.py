"""Looks all along, from the outside, at what must hold at every instant."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

from .check_jobs import unknown
from .check_machines import outlived, overlong, untagged
from .check_runs import again, twice_at_once
from .load import Load
from .records import Told, Violation
from .runs import runs_of
from .world import World, installation

LOOK_S = 2.0
ASK_EVERY = 4  # of the looks also ask Spillover which jobs it knows

Say = Callable[[str], None]


class Watch:
    """Keeps each violation once, with the time at which it was first seen."""

    def __init__(self, world: World, load: Load, lease_s: float, say: Say) -> None:
        self._world = world
        self._load = load
        self._lease_s = lease_s
        self._say = say
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._looks = 0
        self.seen: dict[tuple[str, str], tuple[float, Violation]] = {}

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(60)

    def note(self, violations: Iterable[Violation]) -> None:
        """Keep what is new, and say it at once."""
        for violation in violations:
            if violation.key not in self.seen:
                self.seen[violation.key] = time.time(), violation
                self._say(f"VIOLATION {violation}")

    def look(self) -> None:
        """One look at jobs and machines."""
        runs = runs_of(self._world.sink.beats())
        self.note(twice_at_once(runs))
        self.note(again(runs, dict(self._load.sent)))
        instances = self._world.instances()
        self.note(outlived(instances, time.time()))
        self.note(overlong(instances, self._lease_s))
        if instances:
            self.note(untagged(instances, installation(self._world.server.state_dir)))
        self.note(self._load.refused)
        self._looks += 1
        if self._looks % ASK_EVERY == 0:
            with suppress(OSError):  # it is down: what it knows is asked for again later
                self._ask()

    def _ask(self) -> None:
        accepted = list(self._load.accepted)  # before the answer: what is accepted meanwhile may not be in it
        known = self._world.server.known()
        self.note(unknown(accepted, {job: Told(job, "known") for job in known}))
        self._load.ended({job for job, final in known.items() if final})
        if self._world.server.crashed():
            self.note([Violation("crashed", f"crash {self._world.server.crashes}", "spillover ended by itself")])

    def _run(self) -> None:
        while not self._stop.wait(LOOK_S):
            self.look()
