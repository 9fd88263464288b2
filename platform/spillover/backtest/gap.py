"""How near each run comes to what no policy can go below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from .columns import Columns
from .results import Bound, Run
from .world import World

_SOLVED = 6


def bounds_of(trace: Columns, world: World, runs: Sequence[Run]) -> tuple[Bound, ...]:
    """The smallest bill at each of the runs' mean waits. A rented accelerator-hour costs at least the cheaper market's.

    It knows the future, moves the jobs that can be moved at no cost, and rents without start-up, so that real policies
    stay above it. A few waits are solved, a few seconds each; their lines hold for those between.
    """
    from .bounds import lower_bound  # noqa: PLC0415  # numba, only where a bound is asked for

    waits = sorted({run.wait.mean_s for run in runs if not run.unplaced})
    if not waits:
        return ()
    cheapest = min(world.on_demand_usd, world.spot_usd) if world.spot else world.on_demand_usd
    size = float(world.nodes * world.gpus_per_node)
    bound = lower_bound(trace, size, _spread(waits), movable=trace.resumable)
    return tuple(Bound(wait, bound.usd(wait, cheapest)) for wait in waits)


def beside(runs: Sequence[Run], bounds: Sequence[Bound]) -> tuple[Run, ...]:
    """The runs, each with the bound at its mean wait. One that left jobs behind has none."""
    at = {bound.wait_s: bound.cloud_usd for bound in bounds}
    return tuple(run if run.unplaced else replace(run, bound_usd=at.get(run.wait.mean_s)) for run in runs)


def _spread(waits: list[float]) -> list[float]:
    """A few of them, the shortest and the longest among these."""
    if len(waits) <= _SOLVED:
        return waits
    return [waits[at] for at in np.linspace(0, len(waits) - 1, _SOLVED).round().astype(int).tolist()]
