"""Start-up, dispatch and release as they were, and replays that take as long."""

from __future__ import annotations

from dataclasses import replace

import pytest

from spillover.backtest.replay import replay
from spillover.backtest.timing import Timing, measure
from spillover.backtest.trace import TraceJob
from spillover.domain.job import Hints
from spillover.domain.past import PastJob
from spillover.domain.pool import Market, NodeType, Pool, PoolKind, PoolRole
from spillover.domain.resources import Demand, Resources, parse_bundles
from spillover.placement.policies import make_policy

DEMAND = Demand(parse_bundles("1x{CPU:2}"))


def pool(name: str, role: PoolRole) -> Pool:
    worker = NodeType("worker", Resources({"CPU": 2}), Market.OWNED, 1.0, 1)
    return Pool(name, PoolKind.LAUNCHED, role, (worker,), startup_s=180.0, idle_timeout_s=20.0)


HOME, CLOUD = pool("home", PoolRole.BASELINE), pool("cloud", PoolRole.BURST)


def past(name: str, on: Pool, submitted: float, placed: float, started: float, ended: float) -> PastJob:
    where = (on.name, "worker", "owned", 0)
    return PastJob(name, "u", "t", 0, DEMAND, Hints(), submitted, started, ended, *where, placed_at=placed)


JOBS = [
    past("a", HOME, 0.0, 0.0, 1.5, 11.5),
    past("b", HOME, 1.0, 14.0, 15.5, 25.5),
    past("c", HOME, 2.0, 27.5, 30.0, 40.0),
    past("d", CLOUD, 3.0, 3.0, 45.0, 55.0),
    past("e", CLOUD, 3.1, 4.0, 47.0, 58.0),
    past("f", CLOUD, 60.0, 60.0, 62.0, 70.0),
    past("g", CLOUD, 95.0, 95.0, 139.0, 150.0),
]


def test_a_cold_start_is_told_from_a_warm_one() -> None:
    """What was placed before anything ran there, or long after it had ended, waited for the nodes; the rest did not."""
    cloud = measure(JOBS, [HOME, CLOUD])["cloud"]
    assert cloud.dispatch_s == 2.0, "that of f"
    assert cloud.startup_s == 43.0 - 2.0, "the median of d, e and g, less the dispatch"


def test_release_is_from_an_end_to_the_next_that_waited() -> None:
    """Only jobs that had to wait tell how long room takes to be given on; where none did, the other pools do."""
    found = measure(JOBS, [HOME, CLOUD])
    assert found["home"] == Timing(180.0, 1.5, (2.5 + 2.0) / 2)
    assert found["cloud"].release_s == found["home"].release_s


def test_without_history_the_settings_hold() -> None:
    """A pool where nothing ran takes its `startup_s`; jobs whose decision is not known tell nothing."""
    unknown = [replace(job, placed_at=None) for job in JOBS]
    assert measure([], [CLOUD]) == measure(unknown, [CLOUD]) == {"cloud": Timing(180.0)}
    assert measure(JOBS[:3], [CLOUD]) == {"cloud": Timing(180.0, 1.5, 2.25)}


def test_a_pool_that_was_always_cold_shares_the_dispatch_of_the_others() -> None:
    """Start-up and dispatch cannot be told apart there, so what dispatch takes elsewhere is taken off."""
    cloud = measure(JOBS[:4], [HOME, CLOUD])["cloud"]
    assert cloud.startup_s + cloud.dispatch_s == 42.0
    assert cloud.dispatch_s == 2.0, "the median over all of them"


def test_a_replay_takes_as_long_as_it_took() -> None:
    """Jobs start a dispatch after their room is there, room is free a release after an end, new nodes take the start-up."""
    trace = [TraceJob(f"j{n}", "u", "t", 0.1 * n, 10.0, DEMAND, Hints(10.0)) for n in range(3)]
    timings = {"home": Timing(180.0, 1.5, 2.0), "cloud": Timing(40.0, 3.0, 0.0)}
    policy = make_policy("threshold", rules=[[2, 0]])
    first, second, third = replay(trace, [HOME, CLOUD], policy, timings=timings).runs
    assert (first.pool, first.started_at, first.ended_at) == ("home", 1.5, 11.5)
    assert (second.pool, second.placed_at, second.started_at) == ("home", 13.5, 15.0)
    assert (third.pool, third.placed_at, third.started_at) == ("cloud", 0.2, pytest.approx(43.2))


def test_without_timings_a_replay_is_as_ever() -> None:
    """New nodes take the settings' start-up, and nothing else takes time."""
    trace = [TraceJob(f"j{n}", "u", "t", 0.0, 10.0, DEMAND, Hints(10.0)) for n in range(2)]
    first, second = replay(trace, [HOME, CLOUD], make_policy("immediate")).runs
    assert (first.started_at, second.started_at) == (0.0, 180.0)
