"""How well forecasts of run times hold on real traces: each is made from what had ended by then."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache

import numpy as np
from perf_harness import Measured, alone, benchmark, beside, quartiles
from perf_sites import Bench
from perf_traces import FILES, trace

from spillover.backtest.calibration import Calibration, Naive, calibrate, naive, pinball, shares
from spillover.backtest.columns import Bools

_PARTS = 20
"""Samples of a coverage are those of so many equal parts of the trace, in time order."""

_JUDGED = cache(lambda name: calibrate(trace(name)))
_NAIVE = cache(lambda name: naive(trace(name)))


def _coverage(held: Bools) -> Measured:
    """The share that held, of all."""
    parts = shares(held, _PARTS)
    return Measured(float(held.mean()), *quartiles(parts), parts, baseline=0.8, ratio=float(held.mean()) / 0.8)


def _late(held: Bools) -> Bools:
    return held[len(held) // 2 :]


def _widths(name: str) -> Measured:
    """How many times its low end the high end of an 80% interval is, beside the naive one; each part's geometric mean."""
    ours, other = _JUDGED(name), _NAIVE(name)
    return beside(list(zip(_width(ours), _width(other), strict=True)))


def _width(found: Calibration | Naive) -> list[float]:
    logs = np.log(np.maximum(found.high_s, 1.0) / np.maximum(found.low_s, 1.0))
    return [float(np.exp(part.mean())) for part in np.array_split(logs, _PARTS)]


def _losses(name: str) -> Measured:
    run_s, found = trace(name).run_s, []
    for part in np.array_split(np.arange(len(run_s)), _PARTS):
        two = [
            pinball(run_s[part], f.low_s[part], f.median_s[part], f.high_s[part]) for f in (_JUDGED(name), _NAIVE(name))
        ]
        found.append((two[0], two[1]))
    return beside(found)


def _cost_us(bench: Bench, name: str) -> Measured:
    """Microseconds a job for its forecast, its start, its end, and one look while it runs."""
    jobs = trace(name)

    def measure() -> float:
        began = time.perf_counter()
        calibrate(jobs)
        return (time.perf_counter() - began) / len(jobs) * 1e6

    return alone(bench.samples(measure, 5))


def _define(name: str) -> None:
    """The measures of one trace."""

    def named(measure: str, unit: str, find: Callable[[Bench], Measured], **aims: float | bool) -> None:
        benchmark(f"{measure}_{name}", unit, **aims)(find)  # type: ignore[arg-type]

    least = {"aim": 0.78, "more_is_better": True}
    named("forecast_coverage_80", "share", lambda _: _coverage(_JUDGED(name).held), **least)
    named("forecast_coverage_80_late", "share", lambda _: _coverage(_late(_JUDGED(name).held)), **least)
    named("forecast_left_coverage_80", "share", lambda _: _coverage(_JUDGED(name).left_held), **least)
    named("forecast_pinball_vs_naive", "loss", lambda _: _losses(name))
    named("forecast_width_vs_naive", "times", lambda _: _widths(name))
    named("forecast_cost", "us", lambda bench: _cost_us(bench, name), aim=20.0)


for _name in FILES:
    _define(_name)
