"""After the last fault: wait until all is quiet, and say what never became so."""

from __future__ import annotations

import time
from collections.abc import Callable

from .load import Load
from .records import Told
from .world import CLOUD, World, open_meters


class Settling:
    """What must come to rest, in this order: jobs, pools, meters."""

    def __init__(self, world: World, load: Load) -> None:
        self._world = world
        self._load = load
        self.final: dict[str, Told] = {}

    def wait(self, patience_s: float, meanwhile: Callable[[], None]) -> str:
        """Returns what did not settle although nothing moved for so long; "" if all did."""
        moved, before = time.monotonic(), self._progress()
        for what, done in (
            ("the jobs", self._jobs_ended),
            ("the rented pool", self._folded),
            ("the meters", self._metered),
        ):
            while not _holds(done):
                if (now := self._progress()) != before:
                    moved, before = time.monotonic(), now
                if time.monotonic() - moved > patience_s:
                    return what
                meanwhile()
                time.sleep(1.0)
        return ""

    def _progress(self) -> tuple[int, int, int]:
        """Grows as long as something happens: a slow machine is no fault."""
        runs = {(beat.run, beat.kind == "end") for beat in self._world.sink.beats()}
        ended = sum(instance.ended is not None for instance in self._world.instances())
        return len(self.final), len(runs), ended

    def _jobs_ended(self) -> bool:
        left = [job for job in self._load.accepted if job not in self.final]
        for job in left:
            told = self._world.server.told(job)
            if told is not None and told.final:
                self.final[job] = told
        return all(job in self.final for job in left)

    def _folded(self) -> bool:
        down = self._world.server.pool(CLOUD)["status"] == "down"
        return down and all(instance.ended is not None for instance in self._world.instances())

    def _metered(self) -> bool:
        return open_meters(self._world.server.state_dir, CLOUD) == 0


def _holds(done: Callable[[], bool]) -> bool:
    try:
        return done()
    except (OSError, AssertionError):  # it does not answer just now
        return False
