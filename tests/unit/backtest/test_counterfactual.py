"""The same jobs, otherwise: what happened, beside replays that never rent and that always do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from spillover.backtest.counterfactual import ALWAYS, HAPPENED, NEVER, REPLAYED, counterfactuals
from spillover.domain.answers import Comparison
from spillover.domain.job import Hints
from spillover.domain.past import PastJob
from spillover.domain.pool import Market, NodeType, Pool, PoolKind, PoolRole
from spillover.domain.resources import Demand, Resources, parse_bundles
from spillover.placement.policies import make_policy

POLICY = make_policy("threshold", rules=[[2, 10]])
DEMAND = Demand(parse_bundles("2x{CPU:1}"))


def pool(name: str, role: PoolRole, market: Market, price: float) -> Pool:
    worker = NodeType("worker", Resources({"CPU": 2}), market, price, 1)
    return Pool(name, PoolKind.LAUNCHED, role, (worker,), startup_s=20.0, idle_timeout_s=8.0, max_drivers=2)


ONPREM = pool("onprem", PoolRole.BASELINE, Market.OWNED, 12.0)
CLOUD = pool("cloud", PoolRole.BURST, Market.SPOT, 30.0)


def job(number: int, team: str, on: str, submitted_at: float, wait_s: float, usd: float) -> PastJob:
    start = submitted_at + wait_s
    where = (on, "worker", "owned" if on == "onprem" else "spot")
    nanos = round(usd * 1e9)
    return PastJob(
        f"j-{number}", "u", team, 0, DEMAND, Hints(20.0), submitted_at, start, start + 20.0, *where, nano_usd=nanos
    )


JOBS = [
    job(1, "search", "onprem", 0.0, 0.0, 0.05),
    job(2, "vision", "onprem", 2.0, 18.0, 0.05),
    job(3, "speech", "onprem", 4.0, 36.0, 0.05),
    job(4, "search", "cloud", 6.0, 40.0, 0.20),
]
SPENT = [
    {"pool": "onprem", "kind": "job", "nano_usd": 150_000_000},
    {"pool": "cloud", "kind": "job", "nano_usd": 200_000_000},
    {"pool": "cloud", "kind": "idle", "nano_usd": 60_000_000},
    {"pool": "cloud", "kind": "head", "nano_usd": 10_000_000},
]


def rows(jobs: list[PastJob] = JOBS, pools: tuple[Pool, ...] = (ONPREM, CLOUD), **options: bool) -> dict[str, Comparison]:
    found = counterfactuals(jobs, pools, POLICY, SPENT, lambda team: team != "speech", **options)
    return {row.label: row for row in found}


def test_never_burst_waits_longest_and_pays_for_onprem_alone() -> None:
    """Everything runs one after another on the owned node: no cloud dollar, the longest makespan."""
    found = rows()
    assert (found[NEVER].burst_jobs, found[NEVER].cloud_usd) == (0, 0.0)
    assert found[NEVER].makespan_s == pytest.approx(80.0)
    assert found[NEVER].makespan_s == max(r.makespan_s for r in found.values())


def test_always_cloud_takes_everybody_at_once() -> None:
    """A cloud node and a driver's place for every job, also of a team that may not leave; nothing is owned."""
    always = rows()[ALWAYS]
    assert (always.burst_jobs, always.unplaced, always.baseline_usd) == (4, 0, 0.0)
    assert always.max_wait_s == pytest.approx(20.0)


def test_the_same_policy_is_replayed_if_asked_for() -> None:
    """It bursts as many jobs as really did; without being asked there are three rows."""
    assert list(rows()) == [HAPPENED, NEVER, ALWAYS]
    assert rows(with_policy=True)[REPLAYED].burst_jobs == 1


def test_what_happened_is_told_in_the_same_terms() -> None:
    """Measured waits, owned nodes from first submit to last end, the cloud with its head and idle time."""
    real = rows()[HAPPENED]
    assert (real.jobs, real.burst_jobs, real.makespan_s) == (4, 1, pytest.approx(66.0))
    assert real.baseline_usd == pytest.approx(12.0 * 66.0 / 3600.0)
    assert real.cloud_usd == pytest.approx(0.27)
    assert real.mean_wait_s == pytest.approx((0 + 18 + 36 + 40) / 4)


def test_jobs_that_are_left_out_do_not_count_in_what_happened() -> None:
    """Of a rented pool's heads and idle time, the jobs pay as large a part as of the work there."""
    others = {"pool": "cloud", "kind": "job", "nano_usd": 600_000_000}
    found = counterfactuals(JOBS, (ONPREM, CLOUD), POLICY, [*SPENT, others], lambda _: True)
    assert found[0].cloud_usd == pytest.approx(0.20 + 0.07 / 4)


def test_a_cloud_that_no_job_used_still_cost_something() -> None:
    """A pool that was raised in vain is paid for by what happened."""
    spent = [{"pool": "cloud", "kind": "head", "nano_usd": 10_000_000}]
    assert counterfactuals(JOBS[:3], (ONPREM, CLOUD), POLICY, spent, lambda _: True)[0].cloud_usd == 0.01


def test_a_way_without_a_pool_is_no_way() -> None:
    """Who rents nothing is not compared with always renting, who owns nothing not with never doing so."""
    assert list(rows(JOBS[:3], (ONPREM,))) == [HAPPENED, NEVER]
    assert list(rows(JOBS[3:], (CLOUD,))) == [HAPPENED, ALWAYS]


def test_hard_rules_hold_otherwise_too() -> None:
    """A job that may run on one pool alone has no place where that one is not."""
    bound = replace(JOBS[0], hints=Hints(20.0, pools=("onprem",)))
    found = rows([bound, *JOBS[1:]])
    assert (found[ALWAYS].unplaced, found[ALWAYS].jobs, found[NEVER].unplaced) == (1, 3, 0)


def test_a_rented_pool_that_others_run_does_not_grow() -> None:
    """Nodes that are always there are not multiplied, and paid for."""
    attached = replace(CLOUD, kind=PoolKind.ATTACHED)
    always = rows(JOBS, (ONPREM, attached))[ALWAYS]
    assert always.cloud_usd == pytest.approx(30.0 * always.makespan_s / 3600.0)


def test_nothing_ran_yet() -> None:
    """Without jobs there are rows of nothing."""
    assert [(row.jobs, row.makespan_s) for row in rows([]).values()] == [(0, 0.0)] * 3
