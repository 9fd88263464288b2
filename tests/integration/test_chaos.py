"""The cloud misbehaves while jobs run: nothing is lost, run twice, left over or booked wrongly, or the checker says so.

CI runs a seeded sample, a few minutes long; `make soak` runs it as long as SPILLOVER_SOAK_MINUTES says, and hunts
every planted bug. SPILLOVER_SOAK_SEED repeats a run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from chaos.chaos_report import summary, table, tell, write
from chaos.chaos_run import ChaosRun, Result
from chaos.hunt import HUNTS, hunt
from chaos.world import LEASE_S, World
from chaos.world_local import local_world
from testbed.needs import missing

pytestmark = pytest.mark.slow

SOAK = bool(os.environ.get("SPILLOVER_SOAK"))
SEED = int(os.environ.get("SPILLOVER_SOAK_SEED", "4"))
SAMPLE_S = 30.0
"""Of faults; the world's start and the settling come on top of it."""

ON_BED = ("forget_tag", "lost_second")
SAMPLED = ("double_attempt",) if not SOAK else tuple(HUNTS)
OUT = Path(__file__).parents[2] / "build" / "soak-sample.json"

bed_only = pytest.mark.skipif(bool(missing()), reason=f"no test bed here: needs {', '.join(missing())}")


@contextmanager
def world_for(*, bed: bool, bug: str = "") -> Iterator[World]:
    """The test bed, or plain processes where they do."""
    with ExitStack() as stack:
        if bed:
            from chaos.world_bed import bed_world

            yield stack.enter_context(bed_world(bug))
        else:
            yield stack.enter_context(local_world(bug))


def told(result: Result) -> str:
    return f"SPILLOVER_SOAK_SEED={result.seed}\n{table(summary(result))}\n{tell(result.violations)}"


@bed_only
@pytest.mark.testbed
@pytest.mark.timeout(900)
def test_a_seeded_sample_of_chaos() -> None:
    """API faults, reclaims, power cuts and kills of Spillover, mixed as the seed says, break no invariant."""
    with world_for(bed=True) as world:
        result = ChaosRun(world, SEED, SAMPLE_S, print, lease_s=LEASE_S).run()
    write(summary(result), OUT)
    assert result.violations == [], told(result)
    assert result.runs, "jobs did run"


@pytest.mark.parametrize(
    "bug", [pytest.param(bug, marks=[bed_only, pytest.mark.testbed] if bug in ON_BED else []) for bug in SAMPLED]
)
@pytest.mark.timeout(600)
def test_a_planted_bug_is_caught(bug: str) -> None:
    """A Spillover with this bug in it breaks the invariant that it must break, and the checker sees it."""
    with world_for(bed=bug in ON_BED, bug=bug) as world:
        result = hunt(world, bug, print, lease_s=LEASE_S)
    seen = {violation.invariant for _, violation in result.violations}
    assert HUNTS[bug].wanted in seen, told(result)
