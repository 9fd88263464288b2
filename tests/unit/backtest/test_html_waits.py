from dataclasses import replace

import pytest
from html_results import results

from spillover.backtest.html.choice import cast
from spillover.backtest.html.waits import at_once, waits


@pytest.mark.parametrize(("seconds", "share"), [((0.0,) * 5, 1.0), ((0.0, 0.5, 0.9, 1.0, 9.0), 0.5), ((2.0, 3.0), 0.0)])
def test_jobs_that_start_at_once_are_those_under_a_second(seconds, share):
    """Of the waits that 0 to 100% of the jobs stay under, the last below a second says how many they are."""
    assert at_once(replace(results().runs[0], wait_at=seconds)) == share


def test_a_backtest_without_counted_jobs_says_so():
    """No empty plot is drawn."""
    found = results()
    bare = replace(found, runs=tuple(replace(run, wait_at=()) for run in found.runs))
    assert waits(cast(bare)) == "<p>No job was counted.</p>"
