"""Dollars against wait on the real traces: the frontiers that policies are compared by.

The world is the anchor's: a cloud without start-up, billed for what the gang has, at on-demand prices; a move costs six
minutes and the egress of 3 GB for each GPU. Half of the jobs can be moved, drawn by a seed. Measured on the second half
of the jobs (in submit order), from an empty cluster; nothing was fitted to it but the one knob that each frontier is drawn by.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from perf_traces import FOLDER, trace

from spillover.backtest.bounds import lower_bound
from spillover.backtest.columns import Columns
from spillover.backtest.outcome import Outcome
from spillover.backtest.run import play
from spillover.backtest.spot import read_spot
from spillover.backtest.world import Order, World
from spillover.placement.policies import Policy, make_policy

SITES = {"philly_384": ("philly", 48), "philly_256": ("philly", 32), "pai_448": ("pai", 56), "pai_320": ("pai", 40)}
WAITS_H = {"w02": 0.02, "w05": 0.05, "w10": 0.1}
LONG_H = (0.2, 0.4, 0.8)
USD = 3.06
SEED = 1
COEFFICIENTS = np.geomspace(3e-4, 1.0, 12)
VALUES = np.geomspace(1.0, 1500.0, 14)


@dataclass(frozen=True)
class Point:
    """One replay: mean wait (h), the cloud's bill (USD), the value of the knob, and how fast it went."""

    wait_h: float
    usd: float
    knob: float
    jobs_per_s: float


def second_half(name: str, movable: float) -> Columns:
    """The later half of a trace's jobs, of which that share can be moved."""
    whole = trace(name)
    keep = slice(len(whole) // 2, None)
    parts = {field: getattr(whole, field)[keep] for field in _BY_JOB}
    parts["submit_s"] = parts["submit_s"] - parts["submit_s"][0]
    drawn = np.random.default_rng(SEED).random(len(parts["submit_s"])) < movable
    return replace(whole, **parts | {"resumable": drawn})


_BY_JOB = [
    "ids",
    "submit_s",
    "run_s",
    "gpus",
    "cpus",
    "team",
    "user",
    "priority",
    "hint_s",
    "deadline_s",
    "like",
    "resumable",
    "may_burst",
]


def anchor(site: str, **changed: object) -> World:
    """The anchor's world at that size."""
    basis = World(
        nodes=SITES[site][1],
        on_demand_usd=USD,
        startup_s=0.0,
        idle_timeout_s=0.0,
        cloud_sizes=(1,),
        checkpoint_gb=3.0,
        order=Order.ANY,
    )
    return replace(basis, **changed)  # type: ignore[arg-type]


def starburst(coefficient: float) -> Policy:
    """Its best waiting function."""
    return make_policy("starburst", waiting="cost", coefficient=coefficient)


def marginal(value: float) -> Policy:
    """Ours, at that value of an hour of waiting."""
    return make_policy("marginal", value_of_waiting=value)


def outcome(site: str, policy: Policy, movable: float = 0.5, **world: object) -> Outcome:
    """One replay of the second half."""
    return play(second_half(SITES[site][0], movable), anchor(site, **world), policy)


def point(found: Outcome, knob: float) -> Point:
    """What a frontier needs of a replay."""
    jobs_per_s = len(found.trace) / found.wall_s
    return Point(float(np.nanmean(found.wait_s)) / 3600.0, found.total_cloud_usd, knob, jobs_per_s)


def _frontier(
    make: Callable[[float], Policy], knobs: Sequence[float], site: str, movable: float, **world: object
) -> list[Point]:
    jobs, place = second_half(SITES[site][0], movable), anchor(site, **world)
    return [point(play(jobs, place, make(float(knob))), float(knob)) for knob in knobs]


@cache
def starbursts(site: str, known: bool = False) -> list[Point]:  # noqa: FBT001, FBT002  # a cache's key
    """Starburst out of order, given our forecasts or the true run times."""
    return _frontier(starburst, COEFFICIENTS, site, 0.5, known_runtimes=known)


@cache
def marginals(site: str, movable: float = 0.5) -> list[Point]:
    """Ours out of order, with our forecasts."""
    return _frontier(marginal, VALUES, site, movable)


@cache
def unlearned(site: str, movable: float = 0.5) -> list[Point]:
    """Ours without any knowledge of run times."""
    return _frontier(marginal, VALUES, site, movable, learns=False)


@cache
def on_spot(site: str) -> list[tuple[Point, float]]:
    """Ours with the real spot traces, and by how much jobs of 4 h and more were slowed."""
    market = read_spot(FOLDER / "spot")
    jobs = second_half(SITES[site][0], 0.5)
    place = anchor(site, spot=market.zones, spot_usd=market.usd or 0.0)
    found = [(play(jobs, place, marginal(float(value))), float(value)) for value in VALUES[3::3]]
    return [(point(each, value), _slowed(each)) for each, value in found]


def _slowed(found: Outcome) -> float:
    long = found.trace.run_s >= 4 * 3600.0
    return float(np.mean(found.wait_s[long] / found.trace.run_s[long]))


@cache
def nowait_usd(site: str) -> float:
    """What bursting at once costs."""
    return outcome(site, make_policy("immediate")).total_cloud_usd


@cache
def bound_usd(site: str, wait_h: float, movable: float = 0.5) -> float:
    """What no policy can go below at that mean wait."""
    jobs = second_half(SITES[site][0], movable)
    bound = lower_bound(jobs, 8.0 * SITES[site][1], [wait_h * 3600.0], movable=jobs.resumable)
    return bound.usd(wait_h * 3600.0, USD)


def usd_at(points: Sequence[Point], wait_h: float) -> float:
    """The bill at a mean wait, between the frontier's points; NaN where none of them waits so little."""
    ordered = sorted(points, key=lambda p: p.wait_h)
    waits, bills = [p.wait_h for p in ordered], np.minimum.accumulate([p.usd for p in ordered])
    return float(np.interp(wait_h, waits, bills)) if waits[0] <= wait_h else float("nan")


def wait_at(points: Sequence[Point], usd: float) -> float:
    """The shortest mean wait (h) at which the frontier's bill is no higher; NaN if it never is."""
    ordered = sorted(points, key=lambda p: p.wait_h)
    bills = np.minimum.accumulate([p.usd for p in ordered])
    if bills[-1] > usd:
        return float("nan")
    if bills[0] <= usd:
        return ordered[0].wait_h
    return float(np.interp(-usd, -bills, [p.wait_h for p in ordered]))
