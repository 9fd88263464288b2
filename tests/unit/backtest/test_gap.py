"""What no policy can go below, beside each run."""

from dataclasses import replace

import numpy as np
import pytest

from made_traces import HOUR, columns, outcome
from spillover.backtest.gap import beside, bounds_of
from spillover.backtest.results import Bound
from spillover.backtest.summary import summarise
from spillover.backtest.world import SpotZone, World

TRACE = columns(*((0, HOUR, 8) for _ in range(4)))
RUN = summarise(outcome(TRACE, [0, 0, 0, 0], [False, True, True, True]))
WAITS = [0.0, 600.0, HOUR, 1.5 * HOUR]
RUNS = [replace(RUN, wait=replace(RUN.wait, mean_s=wait)) for wait in WAITS]


def test_four_jobs_on_one_node():
    """At no wait three of four must rent, at a mean wait of an hour and a half none; a wait between lies between."""
    bounds = bounds_of(TRACE, World(1, on_demand_usd=2.0), RUNS)
    usd = [bound.cloud_usd for bound in bounds]
    assert [bound.wait_s for bound in bounds] == WAITS
    assert usd[0] == pytest.approx(3 * 8 * 2, rel=0.02)
    assert usd[3] == pytest.approx(0, abs=1)
    assert usd == sorted(usd, reverse=True)
    zone = SpotZone("a", 60.0, np.ones(3))
    cheap = bounds_of(TRACE, World(1, on_demand_usd=2.0, spot_usd=0.5, spot=(zone,)), RUNS[:1])
    assert cheap[0].cloud_usd == pytest.approx(usd[0] / 4)


def test_each_run_has_the_bound_of_its_wait():
    """A run that left jobs behind has none: it did not do the work."""
    lazy = replace(RUNS[1], unplaced=1)
    told = beside([RUNS[0], lazy, RUNS[2]], [Bound(0.0, 48.0), Bound(600.0, 40.0)])
    assert [run.bound_usd for run in told] == [48, None, None]
    assert bounds_of(TRACE, World(1), [lazy]) == ()
