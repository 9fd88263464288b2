"""A clairvoyant lower bound on what must be rented, given a mean wait. The proof is in docs/explanation/bounds.md."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import BadArgument
from .bound_problem import SECONDS_PER_HOUR, Problem, problem
from .columns import Bools, Columns, Floats

SLOTS, SLOTS_PER_JOB, STEPS = 12000, 20, 250
"""For 80,000 jobs a few seconds a wait. Ten times the slots raise the bound by some 0.01 to 0.5%."""
COARSER = 8
"""How many times fewer slots most of the steps are made on."""


@dataclass(frozen=True, eq=False)
class Bound:
    """For each mean wait asked for, the cloud GPU-hours that no policy can go below, and the prices that prove it.

    `wait_price` is what an hour of one job's waiting is worth at the optimum, in cloud GPU-hours. `owned_price` has a
    row for each wait: what an owned GPU-hour is worth from each of `edges_s` to the next (seconds since the first
    submission), in cloud GPU-hours. `gap_gpu_h` is how much higher the best bound on these slots can be at most; NaN
    where that is not known: some jobs cannot be moved, or less waiting had brought 0. `lines` are pairs of GPU-hours at
    no wait, and the price of an hour.
    """

    jobs: int
    mean_wait_s: tuple[float, ...]
    cloud_gpu_h: tuple[float, ...]
    wait_price: tuple[float, ...]
    gap_gpu_h: tuple[float, ...]
    edges_s: Floats
    owned_price: Floats
    lines: tuple[tuple[float, float], ...]
    wall_s: float

    def at(self, mean_wait_s: float) -> float:
        """The bound in GPU-hours at any mean wait: the highest of the supporting lines, each of which is valid."""
        return _highest(self.lines, mean_wait_s / SECONDS_PER_HOUR * self.jobs)

    def usd(self, mean_wait_s: float, usd_per_gpu_h: float) -> float:
        """The bound in dollars, where `usd_per_gpu_h` is the lowest price that is ever paid for a rented GPU-hour."""
        return self.at(mean_wait_s) * usd_per_gpu_h


def lower_bound(
    trace: Columns,
    owned_gpus: float,
    mean_wait_s: Sequence[float],
    *,
    movable: Bools | None = None,
    slots: int = SLOTS,
    steps: int = STEPS,
) -> Bound:
    """What any policy must rent when the jobs wait `mean_wait_s` on average, were it to know the future.

    Jobs that are `movable` (all, unless it says which) may pause and move at any time and at no cost; the others run
    in one go in one place. The bound holds for any number of slots and steps; more of them make it tighter. Raises
    BadArgument for a trace without jobs, and for waits below 0.
    """
    if not len(trace) or not len(mean_wait_s) or min(mean_wait_s) < 0:
        raise BadArgument(f"a bound needs jobs and mean waits of at least 0, not {len(trace)} jobs and {mean_wait_s}")
    began = time.perf_counter()
    which = np.ones(len(trace), bool) if movable is None else movable
    slots = min(slots, SLOTS_PER_JOB * len(trace))
    coarse, fine = (problem(trace, owned_gpus, which, count) for count in (-(-slots // COARSER), slots))
    return solve(coarse, fine, mean_wait_s, steps, began)


def solve(coarse: Problem, fine: Problem, mean_wait_s: Sequence[float], steps: int, began: float) -> Bound:
    """The bound on the fine slots, by way of the coarse ones; `began` is when `wall_s` starts (`time.perf_counter`)."""
    from .bound_ascent import climbs  # noqa: PLC0415 -- numba takes a fifth of a second to load

    jobs = len(fine.submit)
    allowed = {wait: wait / SECONDS_PER_HOUR * jobs for wait in sorted(set(mean_wait_s))}
    found = dict(zip(allowed, climbs(coarse, fine, list(allowed.values()), steps), strict=True))
    lines = tuple((best.value, best.wait_price) for best, _ in found.values())
    bounds = tuple(_highest(lines, allowed[wait]) for wait in mean_wait_s)
    return Bound(
        jobs=jobs,
        mean_wait_s=tuple(mean_wait_s),
        cloud_gpu_h=bounds,
        wait_price=tuple(found[wait][0].wait_price for wait in mean_wait_s),
        gap_gpu_h=tuple(max(found[wait][1] - at, 0.0) for wait, at in zip(mean_wait_s, bounds, strict=True)),
        edges_s=fine.edges * SECONDS_PER_HOUR,
        owned_price=np.array([found[wait][0].price for wait in mean_wait_s]),
        lines=lines,
        wall_s=time.perf_counter() - began,
    )


def gap_closed(reference: float, policy: float, bound: float) -> float:
    """The share of the way from a reference policy's cost down to the bound that a policy goes: 1 would be the bound.

    Raises BadArgument where the reference does not lie above the bound, as there is no gap then.
    """
    if reference <= bound:
        raise BadArgument(f"no gap to close: the reference costs {reference:g}, the bound is {bound:g}")
    return (reference - policy) / (reference - bound)


def _highest(lines: Sequence[tuple[float, float]], waited_h: float) -> float:
    """The highest of the lines, and at least 0: a cost."""
    return max(0.0, *(value - price * waited_h for value, price in lines))
