import pytest

from spillover.backtest.replay import cloud_only, replay
from spillover.backtest.trace import TraceJob
from spillover.domain.job import Hints
from spillover.domain.pool import Market, NodeType, Pool, PoolKind, PoolRole
from spillover.domain.resources import Demand, Resources, parse_bundles
from spillover.placement.policies import make_policy

NEVER = make_policy("never")
ALWAYS = make_policy("immediate")
CPU4 = Resources({"CPU": 4})
OWNED = Pool("onprem", PoolKind.ATTACHED, PoolRole.BASELINE, (NodeType("own", CPU4, Market.OWNED, 0.36, 1),))
CLOUD = Pool(
    "cloud",
    PoolKind.LAUNCHED,
    PoolRole.BURST,
    (NodeType("spot", CPU4, Market.SPOT, 3.6, 2),),
    head_price_usd_per_hour=0.36,
    startup_s=50.0,
    idle_timeout_s=100.0,
)


def trace(*jobs, demand="1x{CPU:4}", hint=True):
    """Jobs as (submitted at, run time), named a, b, ..."""
    return [
        TraceJob(chr(97 + n), "ann", "red", at, run, Demand(parse_bundles(demand)), Hints(run if hint else None))
        for n, (at, run) in enumerate(jobs)
    ]


def starts(result):
    return {run.submission_id: (run.pool, run.started_at) for run in result.runs}


def test_jobs_queue_for_the_owned_pool():
    """Without bursting, jobs run one after the other, and the pool is paid for over the makespan."""
    result = replay(trace((0, 100), (10, 100)), [OWNED, CLOUD], NEVER)
    assert starts(result) == {"a": ("onprem", 0), "b": ("onprem", 100)}
    assert [run.wait_s for run in result.runs] == [0, 90]
    assert result.makespan_s == 200
    assert (result.baseline_usd, result.cloud_usd) == (pytest.approx(0.36 * 200 / 3600), 0)


def test_a_burst_pays_start_up_run_and_idle_tail():
    """A rented node and its head cost from request to fold."""
    result = replay(trace((0, 100), (10, 100)), [OWNED, CLOUD], ALWAYS)
    assert starts(result) == {"a": ("onprem", 0), "b": ("cloud", 60)}
    assert result.cloud_usd == pytest.approx((3.6 + 0.36) * (50 + 100 + 100) / 3600)
    assert [run.cost_usd for run in result.runs] == [pytest.approx(0.01), pytest.approx(0.1)]
    assert [run.burst for run in result.runs] == [False, True]


def test_a_node_that_is_still_up_is_used_again():
    """A job that comes before the idle time is over starts without start-up."""
    result = replay(trace((0, 100), (200, 10)), [CLOUD], ALWAYS)
    assert starts(result) == {"a": ("cloud", 50), "b": ("cloud", 200)}


def test_a_folded_pool_is_raised_again():
    """After the idle time the pool is gone and takes its start-up anew."""
    result = replay(trace((0, 100), (300, 10)), [CLOUD], ALWAYS)
    assert starts(result)["b"] == ("cloud", 350)
    assert result.cloud_usd == pytest.approx(3.96 * (250 + 160) / 3600)


def test_the_policys_own_time_wakes_the_replay():
    """A job bursts when the threshold is reached, though nothing else happens then."""
    result = replay(trace((0, 1000), (10, 100)), [OWNED, CLOUD], make_policy("threshold", rules=[[1, 60]]))
    assert starts(result)["b"] == ("cloud", 10 + 60 + 50)


def test_small_jobs_share_a_rented_node():
    """Four jobs of one CPU start on one node and pay a quarter of it each while they run."""
    jobs = trace(*[(0, 100)] * 4, demand="1x{CPU:1}")
    result = replay(jobs, [CLOUD], ALWAYS)
    assert {run.started_at for run in result.runs} == {50}
    assert result.cloud_usd == pytest.approx(3.96 * 250 / 3600)
    assert sum(run.cost_usd for run in result.runs) == pytest.approx(0.1)


def test_the_cap_holds():
    """Beyond the pool's nodes, jobs wait."""
    result = replay(trace(*[(0, 100)] * 3), [CLOUD], ALWAYS)
    assert sorted(run.started_at for run in result.runs) == [50, 50, 150]


def test_decisions_do_not_see_true_run_times():
    """Without hints, a long job that is taken for short is let by, and the blocked one starts later than foretold."""
    jobs = [
        *trace((0, 100), demand="1x{CPU:2}"),
        TraceJob("big", "ann", "red", 1, 10, Demand(parse_bundles("1x{CPU:4}")), Hints(10.0)),
        TraceJob("liar", "bob", "red", 2, 500, Demand(parse_bundles("1x{CPU:1}")), Hints(20.0)),
    ]
    assert starts(replay(jobs, [OWNED], NEVER)) == {
        "a": ("onprem", 0),
        "liar": ("onprem", 2),
        "big": ("onprem", 502),
    }


def test_jobs_that_can_never_run_are_named():
    """A job that no pool can hold is unplaced, and the replay ends all the same."""
    result = replay(trace((0, 10), demand="1x{CPU:5}"), [OWNED, CLOUD], ALWAYS)
    assert (result.runs, result.unplaced) == ((), ("a",))


def test_an_empty_trace_costs_nothing():
    """No jobs, no makespan, no money."""
    result = replay([], [OWNED, CLOUD], ALWAYS)
    assert (result.runs, result.total_usd, result.makespan_s) == ((), 0, 0)


def test_always_cloud_is_the_burst_pools_alone():
    """The comparison "always cloud" leaves the owned pools out."""
    assert cloud_only([OWNED, CLOUD]) == (CLOUD,)


def test_a_run_time_below_zero_is_refused():
    """A broken trace is named at once."""
    with pytest.raises(ValueError, match="job 'a' has a run time of -1 s"):
        trace((0, -1))
