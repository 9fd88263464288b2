"""One chaos run: load and faults for a while, then peace, then the reckoning."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count, repeat

from .check_jobs import causeless, unended, unknown, wrong_ends
from .check_machines import left_over
from .check_money import error_usd, unequal
from .load import Load
from .records import BillRow, Instance, LedgerRow, Script, Told, Violation
from .runs import Run, by_job, runs_of
from .schedule import API_FAULTS, KILL, Fault, pauses, plan, scripts
from .settle import Settling
from .timeline import Happened, Timeline
from .watch import Say, Watch
from .world import CLOUD, HOME, World, ledger

PATIENCE_S = 240.0
"""After the last fault something must happen within this time, until all is quiet. A raise takes a minute or two."""

PROGRESS_S = 15.0
BLOW_REACH_S = 180.0
"""A blow is missed by its pool within this time, silence, fence and raise included."""

_LEASE_ENDED = frozenset({"Client.InstanceInitiatedShutdown"})
_NO_BLOWS = frozenset({KILL, *API_FAULTS})


@dataclass
class Result:
    """All that a run found."""

    seed: int
    seconds: float
    happened: list[Happened]
    violations: list[tuple[float, Violation]]
    told: dict[str, Told]
    runs: list[Run]
    instances: list[Instance]
    bill: list[BillRow] = field(default_factory=list)
    booked: list[LedgerRow] = field(default_factory=list)

    @property
    def ledger_error_usd(self) -> float:
        return error_usd(self.bill, self.booked)


class ChaosRun:
    """Drives one world. To be called in the world's own network. A violation of `enough` ends the run at once."""

    def __init__(
        self, world: World, seed: int, length_s: float, say: Say, *, lease_s: float, enough: str = ""
    ) -> None:
        self._world = world
        self._seed = seed
        self._length_s = length_s
        self._enough = enough
        self._say = say
        self._load = Load(world.server, world.sink_address)
        self._watch = Watch(world, self._load, lease_s, say)
        self._settling = Settling(world, self._load)
        self._timeline = Timeline(world, [], say)
        self._began = self._said = time.monotonic()
        self._unsettled = ""

    def run(self, faults: Sequence[Fault] | None = None, jobs: Sequence[Script] | None = None) -> Result:
        """From the first job to the last check. What is not given is drawn from the seed."""
        planned = plan(self._seed, self._length_s, self._world.kinds) if faults is None else faults
        self._timeline = Timeline(self._world, planned, self._say)
        self._world.server.start()
        began = self._began = time.monotonic()
        self._watch.start()
        if jobs is None:
            self._load.start(_endless(self._seed, self._world.markets), pauses(self._seed))
        else:
            self._load.start(jobs, repeat(0.0))
        try:
            self._timeline.run(self._length_s, self._meanwhile)
            self._load.stop()
            if not self._seen_enough():
                self._peace()
        finally:
            self._load.stop()
            self._timeline.peace()
            self._watch.stop()
        seconds = time.monotonic() - began
        return self._found(seconds) if self._seen_enough() else self._reckon(seconds)

    def _seen_enough(self) -> bool:
        return any(invariant == self._enough for invariant, _ in list(self._watch.seen))

    def _peace(self) -> None:
        self._timeline.peace()
        self._world.server.wait_served()
        self._say("the faults are over; all settles now")
        self._unsettled = self._settling.wait(PATIENCE_S, self._progress)
        if self._unsettled:
            text = f"nothing moved for {PATIENCE_S:g} s after the faults"
            self._watch.note([Violation("not_settled", self._unsettled, text)])

    def _reckon(self, seconds: float) -> Result:
        self._watch.look()
        accepted, sent = self._load.accepted, dict(self._load.sent)
        told = {job: said for job in accepted if (said := self._world.server.told(job))}
        runs, instances = runs_of(self._world.sink.beats()), self._world.instances()
        note = self._watch.note
        note(unknown(accepted, told))
        note(unended(accepted, told))
        note(wrong_ends(sent, told, by_job(runs)))
        note(causeless(told.values(), _blows(self._timeline.happened, instances), BLOW_REACH_S))
        note(left_over(instances))
        result = replace(self._found(seconds), told=told)
        if instances and not self._unsettled:  # the meters of machines that still live are behind the bill
            result.bill, result.booked = self._world.bill(), ledger(self._world.server.state_dir, CLOUD)
            note(unequal(result.bill, result.booked))
        result.violations = list(self._watch.seen.values())
        return result

    def _found(self, seconds: float) -> Result:
        runs, instances = runs_of(self._world.sink.beats()), self._world.instances()
        violations = list(self._watch.seen.values())
        return Result(self._seed, seconds, self._timeline.happened, violations, {}, runs, instances)

    def _meanwhile(self) -> bool:
        self._progress()
        return not self._seen_enough()

    def _progress(self) -> None:
        now = time.monotonic()
        if now - self._said < PROGRESS_S:
            return
        self._said = now
        beats = self._world.sink.beats()
        instances = self._world.instances()
        live = sum(instance.ended is None for instance in instances)
        self._say(
            f"{now - self._began:4.0f} s: {len(self._load.accepted)} jobs accepted, "
            f"{len({beat.run for beat in beats})} runs, {live} of {len(instances)} machines live, "
            f"{len(self._watch.seen)} violations; now: {', '.join(self._timeline.current) or 'no fault'}"
        )


def _endless(seed: int, markets: Sequence[str]) -> Iterator[Script]:
    for block in count():
        yield from scripts(seed, 100, markets, tag=f"-{block}")


def _blows(happened: Iterable[Happened], instances: Iterable[Instance]) -> list[tuple[str, float]]:
    """What can have killed work, by pool: faults, from their start and at their end, and leases that ended."""
    found = [(CLOUD, i.ended) for i in instances if i.ended is not None and i.end_cause in _LEASE_ENDED]
    for one in happened:
        if one.hit and one.fault.kind not in _NO_BLOWS:
            pool = HOME if one.fault.kind.endswith("_home") else CLOUD
            found += [(pool, one.at), (pool, one.until or one.at)]
    return found
