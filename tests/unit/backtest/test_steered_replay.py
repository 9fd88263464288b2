"""The policy that is steered by a target reaches it, over thousands of jobs that it has not seen before."""

from __future__ import annotations

import math
from functools import cache
from random import Random
from statistics import fmean

import pytest

from spillover.backtest.replay import replay
from spillover.backtest.trace import Replay, TraceJob
from spillover.domain.job import Hints
from spillover.domain.pool import Market, NodeType, Pool, PoolKind, PoolRole
from spillover.domain.resources import Demand, Resources, parse_bundles
from spillover.placement.policies import make_policy

JOBS, LEARNING = 1500, 500
TARGETS_S = (60, 600)
CPU4 = Resources({"CPU": 4})
OWNED = Pool(
    "onprem",
    PoolKind.ATTACHED,
    PoolRole.BASELINE,
    (NodeType("own", CPU4, Market.OWNED, 0.36, 2),),
    max_drivers=1000,
)
CLOUD = Pool(
    "cloud",
    PoolKind.LAUNCHED,
    PoolRole.BURST,
    (NodeType("od", CPU4, Market.ON_DEMAND, 3.6, 200),),
    startup_s=30.0,
    idle_timeout_s=60.0,
    max_drivers=1000,
)


def workload(seed: int, *, load: float = 1.15) -> list[TraceJob]:
    """Jobs that come at random and ask for 1.15 times what is owned; run times are log-normal, with a median of 300 s."""
    chance = Random(seed)
    shapes = [Demand(parse_bundles(f"1x{{CPU:{cpus}}}")) for cpus in (1, 1, 1, 2, 4)]
    mean_cpu_s = 300 * math.exp(0.5) * 1.8
    at, jobs = 0.0, []
    for number in range(JOBS):
        at += chance.expovariate(load * 8 / mean_cpu_s)
        run = chance.lognormvariate(math.log(300), 1.0)
        jobs.append(TraceJob(f"j{number:04d}", "ann", "red", at, run, chance.choice(shapes), Hints(run)))
    return jobs


@cache
def steered(target_s: float) -> Replay:
    return replay(workload(1), [OWNED, CLOUD], make_policy("waiting_budget", target_mean_wait=target_s))


@pytest.mark.parametrize("target_s", TARGETS_S)
def test_mean_waits_come_to_the_target(target_s):
    """Of the 1,000 jobs after the first 500, the mean wait is within 15% of the target."""
    late = steered(target_s).runs[LEARNING:]
    assert fmean(run.wait_s for run in late) == pytest.approx(target_s, rel=0.15)


def test_the_longer_the_waits_may_be_the_less_is_spent():
    """More waiting is worth something: ten times the wait costs at least a fifth less in the cloud."""
    short, long = (steered(target_s).cloud_usd for target_s in TARGETS_S)
    assert long < 0.8 * short


def test_a_target_that_waits_never_reach_costs_nothing():
    """Where owned room alone keeps the waits shorter than they may be, hardly anything is rented."""
    quiet = replay(workload(1, load=0.5), [OWNED, CLOUD], make_policy("waiting_budget", target_mean_wait=1200))
    assert fmean(run.wait_s for run in quiet.runs) < 300
    assert sum(run.burst for run in quiet.runs) < 10


def test_a_queue_that_stands_still_is_noticed():
    """Owned room is held for a day, nobody starts, and those that wait burst when their own waits reach the target."""
    shape = Demand(parse_bundles("2x{CPU:4}"))
    quick = [TraceJob(f"a{n:02d}", "ann", "red", n * 10.0, 1.0, shape, Hints(1.0)) for n in range(30)]
    long = TraceJob("b", "ann", "red", 400.0, 86_400.0, shape, Hints(86_400.0))
    stuck = [TraceJob(f"c{n}", "ann", "red", 500.0 + n, 60.0, shape, Hints(60.0)) for n in range(10)]
    found = replay([*quick, long, *stuck], [OWNED, CLOUD], make_policy("waiting_budget", target_mean_wait=100))
    waits = {run.submission_id: run.wait_s for run in found.runs if run.burst}
    assert set(waits) == {job.submission_id for job in stuck}
    assert fmean(run.wait_s for run in found.runs) == pytest.approx(100, rel=0.25)


def test_jobs_that_can_never_run_do_not_keep_a_replay_going():
    """A steered policy is asked again while jobs wait, but not for ever."""
    never = TraceJob("a", "ann", "red", 0.0, 60.0, Demand(parse_bundles("1x{CPU:5}")))
    other = TraceJob("b", "ann", "red", 0.0, 60.0, Demand(parse_bundles("1x{CPU:1}")))
    found = replay([never, other], [OWNED, CLOUD], make_policy("waiting_budget", target_mean_wait=60))
    assert (found.unplaced, found.decisions) == (("a",), 3)
