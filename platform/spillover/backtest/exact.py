"""Policies without a rule of plain numbers, played job by job on the settings' own pools, as `Outcome`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from ..domain.past import PastJob
from ..domain.pool import Pool
from ..placement.policies import Policy
from .columns import Columns, Floats
from .counterfactual import traced
from .outcome import LEFT, OWNED, RENTED, Outcome, Series
from .replay import replay
from .timing import measure
from .trace import JobRun, Replay
from .world import World

Player = Callable[[Columns, World, Policy], Outcome]
"""How one run is played: `backtest.run.play`, or what `exact_player` returns."""

_MOMENTS = 500


def has_rule(policy: Policy) -> bool:
    """Whether a compiled replay can play it."""
    return hasattr(policy, "rule") and hasattr(policy, "knobs")


def exact_player(
    jobs: Sequence[PastJob], pools: Sequence[Pool], may_burst: Callable[[str], bool], default_runtime_s: float
) -> Player:
    """Plays these jobs on these pools with the code that decides live; the columns given must be the same jobs."""
    trace, timings = traced(jobs, may_burst), measure(jobs, pools)

    def play(columns: Columns, world: World, policy: Policy) -> Outcome:
        begun = time.perf_counter()
        played = replay(trace, pools, policy, default_runtime_s=default_runtime_s, timings=timings)
        return _outcome(played, columns, world, time.perf_counter() - begun)

    return play


def _outcome(played: Replay, trace: Columns, world: World, wall_s: float) -> Outcome:
    n, runs = len(trace), {run.submission_id: run for run in played.runs}
    found = [runs.get(name) for name in trace.ids]
    started = _each(found, lambda run: run.started_at - trace.begins_at)
    ended = _each(found, lambda run: run.ended_at - trace.begins_at)
    burst = np.array([run is not None and run.burst for run in found], bool)
    gpu_s = np.where(burst, (ended - started) * trace.gpus, 0.0)
    nothing = np.zeros(n, np.int64)
    return Outcome(
        policy=played.policy,
        settings={},
        world=world,
        trace=trace,
        wait_s=started - trace.submit_s,
        started_s=started,
        ended_s=ended,
        where=np.where(np.isnan(started), LEFT, np.where(burst, RENTED, OWNED)),
        cloud_gpu_s=gpu_s,
        cloud_usd=np.where(burst, np.nan_to_num(_each(found, lambda run: run.cost_usd)), 0.0),
        moves=nothing,
        interruptions=nothing,
        missed=ended - trace.submit_s > trace.deadline_s,
        total_cloud_usd=played.cloud_usd,
        total_cloud_gpu_h=float(np.nansum(gpu_s)) / 3600.0,
        egress_usd=0.0,
        owned_gpu_h=float(np.nansum(np.where(burst, 0.0, (ended - started) * trace.gpus))) / 3600.0,
        owned_usd=played.baseline_usd,
        decisions=played.decisions,
        wall_s=wall_s,
        series=_series(trace, started, ended, burst),
        forecast_low_s=np.full(n, np.nan),
        forecast_high_s=np.full(n, np.nan),
    )


def _each(runs: Sequence[JobRun | None], read: Callable[[JobRun], float]) -> Floats:
    """A number of each job that ran, NaN for the others."""
    return np.array([np.nan if run is None else read(run) for run in runs], dtype=np.float64)


def _series(trace: Columns, started: Floats, ended: Floats, burst: np.ndarray) -> Series:
    """Who waits and runs at regular moments. The bill is not followed over time: it is known at the end."""
    at = np.linspace(0.0, float(np.nanmax(ended, initial=0.0)), _MOMENTS)
    begun, over = np.nan_to_num(started, nan=np.inf), np.nan_to_num(ended, nan=np.inf)

    def over_time(begins: Floats, ends: Floats, amount: Floats) -> Floats:
        """What is there at each moment: all that has begun less all that has ended."""
        return _so_far(begins, amount, at) - _so_far(ends, amount, at)

    none = np.zeros(len(trace))
    return Series(
        at_s=at,
        queued=over_time(trace.submit_s, begun, none + 1.0),
        queued_gpus=over_time(trace.submit_s, begun, trace.gpus),
        owned_gpus=over_time(begun, over, np.where(burst, 0.0, trace.gpus)),
        cloud_gpus=over_time(begun, over, np.where(burst, trace.gpus, 0.0)),
        spent_usd=np.full(_MOMENTS, np.nan),
    )


def _so_far(times: Floats, amount: Floats, at: Floats) -> Floats:
    order = np.argsort(times, kind="stable")
    sums = np.concatenate([[0.0], np.cumsum(amount[order])])
    found: Floats = sums[np.searchsorted(times[order], at, side="right")]
    return found
