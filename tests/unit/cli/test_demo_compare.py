import io
from dataclasses import replace

import pytest
from rich.console import Console

from spillover.adapters.clock import RealClock
from spillover.adapters.sql_store import SqlStore
from spillover.backtest.counterfactual import ALWAYS, HAPPENED, NEVER, REPLAYED
from spillover.cli.demo_compare import comparison
from spillover.cli.demo_look import JobLine, Learning
from spillover.cli.demo_summary import comparison_table, summary
from spillover.control.core import ControlSettings, Core, PoolRuntime
from spillover.domain.answers import Bill, CostRow
from spillover.domain.job import Attempt, AttemptStatus, Hints, Job, JobStatus, SubmitRequest
from spillover.domain.pool import Market, NodeType, Pool, PoolKind, PoolRole
from spillover.domain.resources import Demand, Resources, parse_bundles
from spillover.placement.policies import make_policy
from spillover.ports import Event


def pool(name, role, market, price):
    worker = NodeType("worker", Resources({"CPU": 2}), market, price, 1)
    return Pool(name, PoolKind.LAUNCHED, role, (worker,), startup_s=20.0, idle_timeout_s=8.0)


POOLS = [
    pool("onprem", PoolRole.BASELINE, Market.OWNED, 12.0),
    pool("cloud", PoolRole.BURST, Market.SPOT, 30.0),
]
DEMAND = Demand(parse_bundles("2x{CPU:1}"))
TEAMS = {"search": True, "vision": True, "speech": False}


def job(number, team, pool_name, submitted_at, wait_s, run_s=20.0):
    return JobLine(
        submission_id=f"j-{number}",
        user="u",
        team=team,
        status="succeeded",
        pool=pool_name,
        market="owned",
        wait_s=wait_s,
        run_s=run_s,
        why="because",
        message="",
        reason="",
        submitted_at=submitted_at,
        started_at=submitted_at + wait_s,
        ended_at=submitted_at + wait_s + run_s,
        learning=Learning(250, 250, 5.45, 2.6, done=True),
    )


JOBS = [
    job(1, "search", "onprem", 0.0, 0.0),
    job(2, "vision", "onprem", 2.0, 18.0),
    job(3, "speech", "onprem", 4.0, 36.0),
    job(4, "search", "cloud", 6.0, 40.0),
]
COST = Bill(
    by=("pool", "job"),
    rows=(
        *(CostRow("job", 20.0, 0.05, pool="onprem", job=f"j-{n}") for n in (1, 2, 3)),
        CostRow("job", 24.0, 0.20, pool="cloud", job="j-4"),
        CostRow("idle", 8.0, 0.07, pool="cloud"),
    ),
    total_usd=0.42,
    node_total_usd=0.42,
    as_of=1000.0,
)


LABELS = (HAPPENED, REPLAYED, NEVER, ALWAYS)


@pytest.fixture
def rows(tmp_path):
    """What the demo compares, from a store in which its jobs have ended."""
    store = SqlStore.in_folder(tmp_path)
    for line in JOBS:
        put(store, line)
    policy = make_policy("threshold", rules=[[2, 10]])
    settings = ControlSettings(DEMAND, may_burst=TEAMS)
    pools = {pool.name: PoolRuntime(pool, cluster=None) for pool in POOLS}
    core = Core(store, RealClock(), settings, policy, pools, tmp_path)
    yield comparison(core)
    core.close()
    store.close()


def put(store, line):
    request, hints, event = SubmitRequest("x"), Hints(20.0), Event(0.0, "u", line.submission_id, "text")
    job = Job(line.submission_id, request, "u", line.team, 0, DEMAND, "declared", hints, line.submitted_at)
    store.add_job(job, event)
    store.claim(job.submission_id, "t", 0.0, 9e9)
    attempt = Attempt(job.submission_id, job.submission_id, 1, line.pool, "worker", line.market, line.submitted_at)
    store.start_attempt(replace(job, attempts=1), attempt, "t", event)
    over = replace(attempt, status=AttemptStatus.ENDED, started_at=line.started_at, ended_at=line.ended_at)
    final = replace(job, attempts=1, status=JobStatus.SUCCEEDED, ended_at=line.ended_at)
    store.update_attempt(over, final, "t", event)


def test_the_demo_compares_all_its_jobs_in_all_ways(rows):
    """What happened, its own policy again, never and always: each with all of the jobs."""
    assert [(row.label, row.jobs, row.unplaced) for row in rows] == [(label, 4, 0) for label in LABELS]
    assert rows[0].mean_wait_s == pytest.approx((0 + 18 + 36 + 40) / 4)


def printed(what):
    out = io.StringIO()
    Console(file=out, width=160, no_color=True).print(what)
    return out.getvalue()


def test_the_summary_adds_up():
    """A line a job with cost and reason, the idle rest below, and a total that is that of all nodes."""
    text = printed(summary(JOBS, COST))
    assert "j-4" in text
    assert "cloud idle" in text
    assert "all nodes: $0.4200" in text
    assert "illustrative" in text


def test_the_comparison_says_what_it_assumes(rows):
    """Each way is a line; the caveats, and jobs without a place, are named."""
    text = printed(comparison_table([*rows, replace(rows[0], label="x", unplaced=2)]))
    for part in (*LABELS, "run times measured above", "'x' leaves 2 jobs without a place"):
        assert part in text
