import io
from dataclasses import replace

import pytest
from rich.console import Console

from spillover.cli.demo_compare import ALWAYS, HAPPENED, NEVER, REPLAYED, comparison
from spillover.cli.demo_look import JobLine, Learning
from spillover.cli.demo_summary import cloud_spend, comparison_table, costs_by_job, summary
from spillover.domain.pool import Market, NodeType, Pool, PoolKind, PoolRole
from spillover.domain.resources import Resources
from spillover.placement.policies import make_policy


def pool(name, role, market, price):
    worker = NodeType("worker", Resources({"CPU": 2}), market, price, 1)
    return Pool(name, PoolKind.LAUNCHED, role, (worker,), startup_s=20.0, idle_timeout_s=8.0)


POOLS = [
    pool("onprem", PoolRole.BASELINE, Market.OWNED, 12.0),
    pool("cloud", PoolRole.BURST, Market.SPOT, 30.0),
]
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
COST = {
    "rows": [{"pool": "onprem", "job": f"j-{n}", "kind": "job", "usd": 0.05, "node_seconds": 20.0} for n in (1, 2, 3)]
    + [
        {"pool": "cloud", "job": "j-4", "kind": "job", "usd": 0.20, "node_seconds": 24.0},
        {"pool": "cloud", "job": None, "kind": "idle", "usd": 0.07, "node_seconds": 8.0},
    ],
    "total_usd": 0.42,
    "node_total_usd": 0.42,
}


@pytest.fixture
def rows():
    policy = make_policy("threshold", rules=[[2, 10]])
    costs = costs_by_job(COST)
    return {r.label: r for r in comparison(JOBS, POOLS, policy, costs, cloud_spend(COST, ["cloud"]), TEAMS, 20.0)}


def test_never_burst_waits_longest_and_pays_for_onprem_alone(rows):
    """Everything runs one after another on the owned node: no cloud dollar, the longest makespan."""
    never = rows[NEVER]
    assert (never.burst_jobs, never.cloud_usd) == (0, 0.0)
    assert never.makespan_s == pytest.approx(80.0)
    assert never.makespan_s == max(r.makespan_s for r in rows.values())


def test_always_cloud_takes_everybody_at_once(rows):
    """A cloud node for every job, that of the team which may not leave included; nothing is owned."""
    always = rows[ALWAYS]
    assert (always.burst_jobs, always.unplaced, always.baseline_usd) == (4, 0, 0.0)
    assert always.cloud_usd == max(r.cloud_usd for r in rows.values())


def test_the_same_policy_replayed_keeps_the_rules(rows):
    """The replay of the live policy bursts as many jobs as really did, and leaves none behind."""
    assert rows[REPLAYED].burst_jobs == 1
    assert all(r.unplaced == 0 for r in rows.values())


def test_what_happened_is_told_in_the_same_terms(rows):
    """The real run: measured waits, on-prem from first submit to last end, the cloud as the ledger has it."""
    real = rows[HAPPENED]
    assert real.makespan_s == pytest.approx(66.0)
    assert real.baseline_usd == pytest.approx(12.0 * 66.0 / 3600.0)
    assert real.cloud_usd == pytest.approx(0.27)
    assert real.mean_wait_s == pytest.approx((0 + 18 + 36 + 40) / 4)


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
    text = printed(comparison_table([*rows.values(), replace(rows[NEVER], label="x", unplaced=2)]))
    for part in (HAPPENED, NEVER, ALWAYS, "run times measured above", "'x' leaves 2 jobs without a place"):
        assert part in text
