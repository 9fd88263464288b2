from dataclasses import replace

import pytest
from placement_builders import job

from spillover.placement.forecast import Forecast
from spillover.placement.lateness import chance_over
from spillover.placement.survival import bin_edges, lognormal


def test_the_chance_is_the_forecasts():
    """A run time whose median is an hour takes longer than that in one case of two, and than no time always."""
    hazard = tuple(lognormal(3600 * 1.6487, 1.0, bin_edges()))
    wanted = replace(job(), forecast=Forecast(5935, 1000, 3600, 13_000, "like jobs", 9, hazard))
    assert chance_over(wanted, 3600) == pytest.approx(0.5, abs=0.02)
    assert chance_over(wanted, 3600 * 3.6) == pytest.approx(0.1, abs=0.02)
    assert (chance_over(wanted, 0.0), chance_over(wanted, -5.0)) == (1.0, 1.0)


def test_without_a_forecast_the_expected_run_time_is_sure():
    """It is longer than less, and not longer than itself."""
    assert [chance_over(job(runtime_s=60.0), seconds) for seconds in (59.0, 60.0)] == [1.0, 0.0]
