"""A short run against a planted bug, made so that a checker which works must see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .chaos_run import ChaosRun, Result
from .records import Script
from .schedule import Fault
from .watch import Say
from .world import World


@dataclass(frozen=True)
class Hunt:
    """What lures the bug out, and the invariant that it breaks. With `whole` the run goes on to the last check."""

    wanted: str
    length_s: float
    jobs: Sequence[Script]
    faults: Sequence[Fault] = ()
    whole: bool = False


def _long(count: int, *, markets: str = "", steps: int = 300) -> list[Script]:
    return [Script(f"hunt-{number}", steps, resumable=True, markets=markets) for number in range(count)]


HUNTS = {
    # The owned pool falls silent under running jobs, which go on all the same. The first has the rented one raised
    "skip_fence": Hunt(
        "twice_at_once",
        200.0,
        [Script("hunt-away", 400, markets="spot"), *_long(2, steps=400)],
        [Fault(30.0, "freeze_home", 170.0)],
    ),
    "double_attempt": Hunt("twice_at_once", 90.0, _long(1)),
    "forget_tag": Hunt("untagged", 90.0, _long(1, markets="spot", steps=20)),
    # One machine must have lived and ended before the bill can be compared
    "lost_second": Hunt("ledger_not_bill", 10.0, _long(1, markets="spot", steps=4), whole=True),
}


def hunt(world: World, bug: str, say: Say, *, lease_s: float) -> Result:
    """Run until the bug is seen, or all is over."""
    lure = HUNTS[bug]
    run = ChaosRun(world, 0, lure.length_s, say, lease_s=lease_s, enough="" if lure.whole else lure.wanted)
    return run.run(lure.faults, lure.jobs)
