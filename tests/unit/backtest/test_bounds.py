"""The clairvoyant bound: against a closed form, against exact optima, and against what policies really spend."""

import math

import numpy as np
import pytest
from scipy.optimize import linprog

from every_schedule import programme
from made_traces import HOUR, columns
from spillover.backtest.bound_ascent import climbs
from spillover.backtest.bound_problem import on_grid, problem
from spillover.backtest.bounds import gap_closed, lower_bound
from spillover.errors import BadArgument


def made(seed, jobs, *, span=40, sizes=(1, 1, 2, 4, 8), longest=10):
    """Jobs at whole hours, by a seed."""
    draw = np.random.default_rng(seed)
    submit = np.sort(draw.integers(0, span, jobs))
    return columns(
        *(
            (float(at) * HOUR, float(run) * HOUR, float(gpus))
            for at, run, gpus in zip(submit, draw.integers(1, longest, jobs), draw.choice(sizes, jobs), strict=True)
        )
    )


@pytest.mark.parametrize("seed", range(3))
def test_without_waiting_it_is_the_load_above_what_is_owned(seed):
    """At no wait the bound is the integral of max(0, load - owned), to the last digit."""
    trace = made(seed, 200)
    load = [
        trace.gpus[(trace.submit_s <= hour * HOUR) & (hour * HOUR < trace.submit_s + trace.run_s)].sum()
        for hour in range(60)
    ]
    bound = lower_bound(trace, 64, [0.0])
    assert bound.cloud_gpu_h[0] == pytest.approx(sum(max(0.0, each - 64) for each in load), rel=1e-9)
    assert bound.cloud_gpu_h[0] > 0


@pytest.mark.parametrize("movable", [1.0, 0.5, 0.0])
@pytest.mark.parametrize("seed", range(2))
def test_it_meets_the_exact_optimum_over_all_schedules(seed, movable):
    """On a small instance it is never above the linear programme over every schedule of every job, and within 1%."""
    trace = made(seed, 7, span=4, sizes=(1, 2, 3), longest=4)
    which = np.random.default_rng(seed).random(7) < movable
    grid = on_grid(problem(trace, 2.0, which, 10), np.arange(14.0))
    for allowed_h in (1.0, 4.0):
        [(line, _)] = climbs(grid, grid, [allowed_h], 600)
        costs, *limits = programme(trace, 2.0, which, 13, allowed_h)
        least = linprog(costs, *limits, method="highs").fun
        assert least > 1
        assert 0.99 * least <= line.at(allowed_h) <= least + 1e-6


@pytest.mark.parametrize("patience_h", [0.0, 0.5, 2.0])
def test_no_policy_goes_below_it(patience_h):
    """First come, first served with a patience: at its own mean wait it spends at least what the bound says."""
    for seed in range(4):
        trace = made(seed, 150)
        spent, mean_wait = patient(trace, 40, patience_h * HOUR)
        for which in (None, np.zeros(150, bool)):
            bound = lower_bound(trace, 40, [mean_wait], movable=which, slots=200, steps=60).cloud_gpu_h[0]
            assert 0 < bound <= spent + 1e-6


def patient(trace, owned, patience_s):
    """GPU-hours rented and mean wait (s): each job takes the first owned room within its patience, else the cloud."""
    running, rented, waits = [], 0.0, []
    for at, run, gpus in zip(trace.submit_s, trace.run_s, trace.gpus, strict=True):
        starts = sorted({at, *(end for _, end, _ in running if at < end <= at + patience_s)})
        free = [begin for begin in starts if room(running, owned, begin, begin + run) >= gpus]
        if free:
            running.append((free[0], free[0] + run, gpus))
            waits.append(free[0] - at)
        else:
            rented += gpus * run / HOUR
            waits.append(0.0)
    return rented, float(np.mean(waits))


def room(running, owned, begin, end):
    """The least room between two moments."""
    moments = [begin, *(start for start, _, _ in running if begin < start < end)]
    return min(owned - sum(gpus for start, stop, gpus in running if start <= at < stop) for at in moments)


def test_it_falls_with_the_wait_and_is_convex():
    """More waiting never costs more, and each further hour saves no more than the one before."""
    trace = made(1, 300)
    bound = lower_bound(trace, 64, [0.0, 600.0, 1200.0, 2400.0, 4800.0], slots=500, steps=100)
    values = np.array([bound.at(wait) for wait in np.arange(0.0, 4800.0, 200.0)])
    assert np.all(np.diff(values) < 0)
    assert np.all(np.diff(values, 2) >= -1e-9)
    assert [bound.at(wait) for wait in bound.mean_wait_s] == list(bound.cloud_gpu_h)
    assert list(bound.wait_price) == sorted(bound.wait_price, reverse=True)


def test_it_scales_with_the_gangs():
    """Three times the accelerators, asked and owned, cost three times as much; what waiting is worth triples too."""
    trace = made(2, 100)
    threefold = columns(*zip(trace.submit_s, trace.run_s, 3 * trace.gpus, strict=True))
    one, three = (lower_bound(*given, [900.0], slots=200, steps=200) for given in ((trace, 40), (threefold, 120)))
    assert three.cloud_gpu_h[0] == pytest.approx(3 * one.cloud_gpu_h[0], rel=1e-3)
    assert three.wait_price[0] == pytest.approx(3 * one.wait_price[0], rel=0.1)


def test_jobs_that_stay_where_they_are_cost_more():
    """Where no job can be moved the bound is higher than where all can, and in between where half of them can."""
    trace = made(3, 200)
    none, half, every = (
        lower_bound(trace, 48, [900.0], movable=np.arange(200) % 2 < movable, slots=300).cloud_gpu_h[0]
        for movable in (0, 1, 2)
    )
    assert none > 1.003 * every
    assert 0.999 * every < half < none


def test_the_gap_says_how_much_may_be_missing():
    """Ten times the steps stay below the bound plus its gap, and the gap shrinks; some fixed jobs leave it unknown."""
    trace = made(4, 300)
    quick, slow = (lower_bound(trace, 64, [900.0], slots=400, steps=steps) for steps in (30, 600))
    assert quick.cloud_gpu_h[0] <= slow.cloud_gpu_h[0] <= quick.cloud_gpu_h[0] + quick.gap_gpu_h[0]
    assert 0 < slow.gap_gpu_h[0] < quick.gap_gpu_h[0]
    assert slow.gap_gpu_h[0] < 0.02 * slow.cloud_gpu_h[0]
    fixed = lower_bound(trace, 64, [900.0], movable=np.arange(300) > 0, slots=50, steps=5)
    assert math.isnan(fixed.gap_gpu_h[0])


def test_dollars_and_the_share_of_the_gap():
    """Dollars are GPU-hours at a price; a policy half-way from the reference to the bound closes half of the gap."""
    bound = lower_bound(columns((0, HOUR, 8), (0, HOUR, 8)), 8, [0.0, 2 * HOUR])
    assert bound.cloud_gpu_h == pytest.approx((8.0, 0.0))
    assert bound.usd(0.0, 2.5) == pytest.approx(20.0)
    assert gap_closed(30.0, 25.0, 20.0) == 0.5
    assert gap_closed(30.0, 33.0, 20.0) == pytest.approx(-0.3)
    with pytest.raises(BadArgument, match="costs 20, the bound is 20"):
        gap_closed(20.0, 19.0, 20.0)


def test_at_the_ends():
    """Without owned accelerators all work is rented, and nearly that is proven; jobs without accelerators rent none."""
    trace = made(5, 20)
    bound = lower_bound(trace, 0, [0.0, HOUR])
    work = float(trace.run_s @ trace.gpus) / HOUR
    assert bound.cloud_gpu_h[0] == pytest.approx(work)
    assert 0.9 * work < bound.cloud_gpu_h[1] <= work
    nothing = columns((0, HOUR, 0), (5, 0, 0))
    assert lower_bound(nothing, 8, [0.0, 60.0]).cloud_gpu_h == (0.0, 0.0)


def test_what_makes_no_sense_is_refused():
    """No jobs, no waits and waits below 0 are named."""
    trace = made(0, 3)
    with pytest.raises(BadArgument, match=r"not 3 jobs and \[-1.0\]"):
        lower_bound(trace, 8, [-1.0])
    with pytest.raises(BadArgument, match=r"not 3 jobs and \[\]"):
        lower_bound(trace, 8, [])
