from dataclasses import replace

from html_results import results

from spillover.backtest.html.choice import cast
from spillover.backtest.html.over_time import MOST_POINTS, over_time, thin
from spillover.backtest.results import Curves


def test_many_moments_are_thinned_without_losing_the_peak():
    """Never more than 400 points, and the longest queue stays."""
    values = [0.0] * 5000
    values[1234] = 9.0
    assert len(thin(values, max)) <= MOST_POINTS
    assert max(thin(values, max)) == 9.0
    assert thin([1.0, 2.0], max) == [1.0, 2.0]


def test_runs_without_curves_say_so():
    """No empty plot is drawn."""
    found = results()
    bare = replace(found, runs=tuple(replace(run, curves=Curves((), (), (), (), (), ())) for run in found.runs))
    assert "without curves" in over_time(bare, cast(bare))
    assert "<svg" not in over_time(bare, cast(bare))
