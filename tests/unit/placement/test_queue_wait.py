import math
from dataclasses import replace

import pytest
from placement_builders import NOW, cloud, down, gang, job, onprem, shot, up, use, work

from spillover.placement.forecast import Forecast
from spillover.placement.policies import make_policy
from spillover.placement.queue_wait import wait_spread
from spillover.placement.survival import bin_edges, weibull

NEVER = make_policy("never")
WIDE = Forecast(3600.0, 20.0, 860.0, 9500.0, "made", hazard=tuple(weibull(3600.0, bin_edges())))


def test_the_wait_varies_as_the_run_times_do():
    """Behind one job of unknown run time the wait is as that job's time left; behind a sure one it is sure."""
    sure = up(onprem(), 1, work=[work("a", "1x{CPU:4}", ends_in=50)])
    assert wait_spread(job(demand="1x{CPU:4}"), shot([], sure), NEVER) == (50.0, 50.0, 50.0)
    unsure = replace(sure, work=(replace(sure.work[0], began_at=NOW, forecast=WIDE),))
    low, median, high = wait_spread(job(demand="1x{CPU:4}"), shot([], unsure), NEVER)
    assert low < median / 5
    assert high > median * 5
    assert median == pytest.approx(WIDE.median_s, rel=0.1)


def test_those_ahead_vary_too():
    """A queue of jobs of unknown run time is waited for, and the same question gets the same answer."""
    view = up(onprem(), 1, work=[work("a", "1x{CPU:4}", ends_in=50)])
    ahead = [job(f"w{n}", "1x{CPU:4}", submitted_at=NOW - 20 + n, runtime_s=3600.0, forecast=WIDE) for n in range(3)]
    last = job("last", "1x{CPU:4}")
    found = wait_spread(last, shot(ahead, view), NEVER)
    assert found.low_s < found.median_s < found.high_s
    assert found.median_s > WIDE.median_s
    assert found == wait_spread(last, shot([*ahead, last], view), NEVER)


def test_a_job_that_starts_now_does_not_wait():
    """What is placed at once waits for its nodes alone, rented or not."""
    assert wait_spread(job(), shot([], up(onprem())), NEVER) == (0.0, 0.0, 0.0)
    full = up(onprem(), 1, work=[work("a", "1x{CPU:4}")])
    rented = wait_spread(job(demand="1x{CPU:4}"), shot([], full, down(cloud())), make_policy("immediate"))
    assert rented == (45.0, 45.0, 45.0)


def test_no_start_in_sight_is_infinite():
    """Foreign use never ends."""
    view = up(onprem(), 1, usage=[use("n0", None, CPU=4)])
    assert wait_spread(job(demand="1x{CPU:4}"), shot([], view), NEVER).median_s == math.inf


def test_jobs_that_burst_are_out_of_the_way():
    """Those ahead that the policy rents for now take no owned room from it."""
    view = up(onprem(), 1, work=[work("a", "1x{CPU:4}", ends_in=1000)])
    ahead = [job("bursts", "1x{CPU:4}", submitted_at=NOW - 500, runtime_s=500.0)]
    waits = job("stays", gang("1x{CPU:4}"), may_burst=False)
    found = wait_spread(waits, shot(ahead, view, down(cloud())), make_policy("immediate"))
    assert found == (1000.0, 1000.0, 1000.0)
