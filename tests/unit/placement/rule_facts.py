"""Facts of a job, with what a test says changed."""

from __future__ import annotations

import math

from placement_builders import NOW

from spillover.placement.policies.facts import Facts

HOUR = 3600.0

PLAIN = Facts(
    now=NOW,
    submitted_at=NOW,
    accelerators=4.0,
    usd_per_hour=12.0,
    spot_usd_per_hour=math.inf,
    once_usd=0.0,
    startup_s=0.0,
    left_s=HOUR,
    median_s=HOUR,
    safe_s=HOUR,
    wait_s=math.inf,
    ahead=0.0,
    resumable=0.0,
    move_s=0.0,
    move_usd=0.0,
    lost_s=0.0,
    interruptions_per_hour=0.0,
    deadline_at=math.inf,
    done_s=0.0,
)
"""Four accelerators for an hour at $12 an hour; no spot, no owned room in sight, no deadline, nothing lost."""


def facts(**changed: float) -> Facts:
    return PLAIN._replace(**{name: float(value) for name, value in changed.items()})
