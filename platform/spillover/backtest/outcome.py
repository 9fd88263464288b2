"""What a compiled replay says: one run of a trace under one policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .columns import Bools, Columns, Floats, Ints
from .world import World

LEFT, OWNED, RENTED, BOTH = 0, 1, 2, 3
"""Where a job ran: nowhere by the end, on owned nodes, on rented ones, or on both."""


@dataclass(frozen=True, eq=False)
class Series:
    """The state of the world at regular moments: `at_s` from the trace's begin, one entry a moment.

    `queued` counts waiting jobs, `queued_gpus` what they ask; `owned_gpus` and `cloud_gpus` are in use; `spent_usd`
    is the cloud's bill so far.
    """

    at_s: Floats
    queued: Floats
    queued_gpus: Floats
    owned_gpus: Floats
    cloud_gpus: Floats
    spent_usd: Floats


@dataclass(frozen=True, eq=False)
class Outcome:
    """Columns along the trace's jobs, and totals. `wait_s` is JCT less run time: queue, start-up, pauses, work done
    twice.

    `cloud_gpu_s` are rented accelerator-seconds of each job's own runs, `cloud_usd` what its renting cost with
    start-up, idle tail and egress. `total_cloud_usd` is the whole bill. `forecast_low_s` and `forecast_high_s` are
    the 80% interval that was
    given for each job's run time when it was submitted.
    """

    policy: str
    settings: Mapping[str, object]
    world: World
    trace: Columns
    wait_s: Floats
    started_s: Floats
    ended_s: Floats
    where: Ints
    cloud_gpu_s: Floats
    cloud_usd: Floats
    moves: Ints
    interruptions: Ints
    missed: Bools
    total_cloud_usd: float
    total_cloud_gpu_h: float
    egress_usd: float
    owned_gpu_h: float
    owned_usd: float
    decisions: int
    wall_s: float
    series: Series
    forecast_low_s: Floats
    forecast_high_s: Floats
    extra: Mapping[str, float] = field(default_factory=dict)
