import numpy as np
import pytest

from made_traces import columns
from spillover.backtest.calibration import calibrate, naive, pinball, shares


def mixed(jobs: int):
    """Jobs of two sizes: those of 8 GPUs run some 20 times as long."""
    draw = np.random.default_rng(3)
    gpus = np.where(draw.uniform(size=jobs) < 0.3, 8.0, 1.0)
    run = draw.lognormal(5.0, 1.0, jobs) * np.where(gpus > 1, 20.0, 1.0)
    return columns(*zip(np.cumsum(draw.exponential(60.0, jobs)), run, gpus, strict=True))


def test_forecasts_hold_and_are_sharper_than_naive_ones():
    """About 8 of 10 run times and times left fall in their intervals, which know the jobs' size."""
    trace = mixed(500)
    found, other = calibrate(trace, machine_code=False), naive(trace)
    late = slice(100, None)
    assert found.held[late].mean() == pytest.approx(0.8, abs=0.06)
    assert found.left_held.mean() == pytest.approx(0.8, abs=0.1)
    assert np.histogram(found.reached[late], 4, (0, 1))[0].min() > 60
    losses = [pinball(trace.run_s[late], f.low_s[late], f.median_s[late], f.high_s[late]) for f in (found, other)]
    assert losses[0] < 0.8 * losses[1]


def test_what_comes_later_changes_nothing():
    """Forecasts up to a moment are the same whatever the jobs of that moment turn out to take."""
    trace = mixed(120)
    run_s = trace.run_s.copy()
    last = trace.submit_s[60]
    running = trace.submit_s + run_s > last
    run_s[running] += 1e5
    other = columns(*zip(trace.submit_s, run_s, trace.gpus, strict=True))
    one, two = calibrate(trace, machine_code=False), calibrate(other, machine_code=False)
    assert np.array_equal(one.mean_s[:61], two.mean_s[:61])
    assert not np.array_equal(one.mean_s[61:], two.mean_s[61:])


def test_shares_are_in_time_order():
    """Each part of the trace has its own share."""
    assert shares(np.array([True, True, False, False, True, False]), 3) == [1.0, 0.0, 0.5]


@pytest.mark.slow
def test_machine_code_says_the_same():
    """The compiled forecasts are those of plain Python."""
    trace = mixed(300)
    slow, fast = calibrate(trace, machine_code=False), calibrate(trace)
    for name in ("mean_s", "low_s", "high_s", "reached", "left_mean_s"):
        assert getattr(fast, name) == pytest.approx(getattr(slow, name), nan_ok=True)
