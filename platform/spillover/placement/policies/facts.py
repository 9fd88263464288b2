"""What a policy decides by, in plain numbers: the same for a live queue and for a replay of a year of jobs."""

from __future__ import annotations

from typing import NamedTuple

WAIT, ON_DEMAND, SPOT = 0, 1, 2
"""What a rule may choose for a job: to wait for owned room, or to rent on a market."""


class Facts(NamedTuple):
    """One job that has no owned room now, and what renting for it would cost. All numbers are floats.

    Times are Unix seconds, durations seconds, money US dollars.

    - `now`, `submitted_at`.
    - `accelerators`: GPUs of the gang; for a job without any, its CPUs.
    - `usd_per_hour`: the gang on new on-demand nodes, whole nodes billed. `spot_usd_per_hour`: on spot nodes, infinite
      where there are none now.
    - `once_usd`: what renting costs once, however long the job runs: start-up and idle tail of its nodes, transfer.
    - `startup_s`: from renting to the start of the job.
    - `left_s`: expected run time left (the mean). `median_s` and `safe_s`: its median, and what 9 of 10 stay under.
    - `wait_s`: until owned room is expected, behind those ahead; infinite if none is in sight.
    - `ahead`: jobs that wait ahead of it, those that came earlier.
    - `resumable`: 1 if it may be stopped and go on from its checkpoint, else 0.
    - `move_s`, `move_usd`: what moving it once costs: its pause, and egress of its checkpoint.
    - `lost_s`: work that a spot interruption costs it, with the restart. `interruptions_per_hour`: of its spot nodes.
    - `deadline_at`: infinite if there is none. `done_s`: run time behind it, in all its attempts.
    """

    now: float
    submitted_at: float
    accelerators: float
    usd_per_hour: float
    spot_usd_per_hour: float
    once_usd: float
    startup_s: float
    left_s: float
    median_s: float
    safe_s: float
    wait_s: float
    ahead: float
    resumable: float
    move_s: float
    move_usd: float
    lost_s: float
    interruptions_per_hour: float
    deadline_at: float
    done_s: float
