import pytest

from spillover.backtest.report import compare, row
from spillover.backtest.trace import JobRun, Replay

RUNS = (
    JobRun(
        "a", "red", "onprem", "own", "owned", burst=False, submitted_at=0, started_at=0, ended_at=100, cost_usd=0.01
    ),
    JobRun(
        "b", "red", "cloud", "spot", "spot", burst=True, submitted_at=10, started_at=70, ended_at=170, cost_usd=0.10
    ),
)


def test_a_row_shows_money_and_time():
    """Spend adds up, and waits and completion times are means over the jobs."""
    found = row("what happened", RUNS, 1.0, 0.5)
    assert (found.jobs, found.burst_jobs, found.total_usd) == (2, 1, 1.5)
    assert (found.mean_wait_s, found.max_wait_s, found.mean_jct_s, found.makespan_s) == (30, 60, 130, 170)


def test_rows_keep_their_order_and_count_what_did_not_run():
    """One row a replay, in the order asked for."""
    done = Replay("never", RUNS, 1.0, 0.0, 5)
    none = Replay("immediate", (), 0.0, 0.0, 1, ("c",))
    first, second = compare({"never burst": done, "always cloud": none})
    assert (first.label, first.unplaced) == ("never burst", 0)
    assert (second.label, second.unplaced, second.mean_jct_s) == ("always cloud", 1, pytest.approx(0))
