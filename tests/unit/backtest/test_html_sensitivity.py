import pytest
from html_results import results

from spillover.backtest.html.choice import cast
from spillover.backtest.html.sensitivity import best, repriced, sensitivity
from spillover.backtest.results import PricePoint


def test_a_bill_at_the_replays_prices_is_the_bill():
    """Compute and egress are scaled each by its own factor."""
    for run in results().runs:
        assert repriced(run, 1.0, 1.0) == pytest.approx(run.cloud_usd)
        assert repriced(run, 2.0, 2.0) == pytest.approx(2 * run.cloud_usd)
        assert repriced(run, 1.0, 0.0) == pytest.approx(run.cloud_usd - run.egress_usd)


def test_what_waiting_is_worth_decides_which_run_is_best():
    """If it costs nothing nobody rents, if it is dear all do at once; doubled prices are as half the worth."""
    runs = results().runs
    assert best(runs, 0.0, 1.0).policy == "never"
    assert best(runs, 1e6, 1.0).policy == "immediate"
    assert all(best(runs, worth, 1.0) is best(runs, 2 * worth, 2.0) for worth in (0.5, 2.0, 5.0, 20.0, 100.0))


def test_runs_at_other_prices_stand_beside_each_other():
    """One row a run, one column a price, a dash where a price was not played."""
    points = [PricePoint("marginal", "m", factor, 100.0 * factor, 60.0) for factor in (0.5, 1.0)]
    points.append(PricePoint("never", "n", 1.0, 0.0, 3600.0))
    found = results(points=points)
    shown = sensitivity(found, cast(found))
    assert "<td>$50.00, 1m00s</td><td>$100.00, 1m00s</td>" in shown
    assert "<td>–</td><td>$0.00, 1h00m</td>" in shown
