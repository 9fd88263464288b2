"""Small traces and outcomes for tests, made by hand."""

from __future__ import annotations

import numpy as np

from spillover.backtest.alike import like_columns
from spillover.backtest.columns import Columns
from spillover.backtest.outcome import LEFT, OWNED, RENTED, Outcome, Series
from spillover.backtest.world import World

HOUR = 3600.0


def columns(*jobs: tuple[float, float, float], teams: tuple[str, ...] = ("red",), **more: object) -> Columns:
    """Jobs as (submit, run time, GPUs), a team each in turn."""
    submit, run, gpus = (np.array([job[n] for job in jobs], dtype=np.float64) for n in range(3))
    n = len(jobs)
    team = np.arange(n, dtype=np.int64) % len(teams)
    zeros = np.zeros(n, np.int64)
    values = {
        "ids": tuple(f"j{at}" for at in range(n)),
        "submit_s": submit,
        "run_s": run,
        "gpus": gpus,
        "cpus": np.zeros(n),
        "team": team,
        "user": zeros,
        "priority": zeros,
        "hint_s": np.full(n, np.nan),
        "deadline_s": np.full(n, np.inf),
        "like": like_columns(gpus, np.zeros(n), submit, team=team, user=zeros),
        "resumable": np.zeros(n, bool),
        "may_burst": np.ones(n, bool),
        "teams": teams,
        "users": ("ann",),
        "source": "made.csv",
        "sha256": "0" * 64,
        **more,
    }
    return Columns(**values)  # type: ignore[arg-type]


def outcome(
    trace: Columns, wait_s: list[float], rented: list[bool], *, left: tuple[int, ...] = (), usd: float = 3.0
) -> Outcome:
    """What became of each job: its wait, and whether it ran rented, at `usd` a GPU-hour."""
    n, wait, burst = len(trace), np.array(wait_s), np.array(rented)
    where = np.where(burst, RENTED, OWNED)
    where[list(left)] = LEFT
    gpu_s = np.where(burst, trace.run_s * trace.gpus, 0.0)
    bill = gpu_s / HOUR * usd
    at = np.linspace(0.0, 2 * trace.submit_s[-1], 5)
    nothing = np.zeros(n, np.int64)
    return Outcome(
        policy="immediate",
        settings={},
        world=World(1, 8),
        trace=trace,
        wait_s=wait,
        started_s=trace.submit_s + wait,
        ended_s=trace.submit_s + wait + trace.run_s,
        where=where,
        cloud_gpu_s=gpu_s,
        cloud_usd=bill,
        moves=nothing,
        interruptions=nothing,
        missed=np.zeros(n, bool),
        total_cloud_usd=float(bill.sum()) + 0.5,
        total_cloud_gpu_h=float(gpu_s.sum()) / HOUR,
        egress_usd=0.25,
        owned_gpu_h=1.0,
        owned_usd=2.0,
        decisions=7,
        wall_s=0.5,
        series=Series(at, at, at, np.array([8.0, 4.0, 0.0, 0.0, 0.0]), at, at),
        forecast_low_s=np.full(n, 50.0),
        forecast_high_s=np.full(n, 150.0),
    )
