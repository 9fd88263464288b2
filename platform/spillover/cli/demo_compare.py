"""What else could have been done with the same jobs: replayed through the placement code that has just run live."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..backtest.replay import cloud_only, replay
from ..backtest.report import Row, compare, row
from ..backtest.trace import JobRun, TraceJob
from ..domain.job import Hints
from ..domain.pool import Pool, PoolRole
from ..placement.policies import Policy, make_policy
from .demo_jobs import demand
from .demo_look import JobLine

HAPPENED, REPLAYED = "what happened", "the same policy, replayed"
NEVER, ALWAYS = "never burst", "always cloud"


def comparison(
    jobs: Sequence[JobLine],
    pools: Sequence[Pool],
    policy: Policy,
    costs: Mapping[str, float],
    cloud_usd: float,
    may_burst: Mapping[str, bool],
    expected_s: float,
) -> tuple[Row, ...]:
    """One row a way. `costs` is the ledger's by job, `cloud_usd` all that the rented pools have cost."""
    trace = [_trace(job, expected_s, may_burst[job.team]) for job in jobs if job.run_s]
    anywhere = [replace(job, may_burst=True) for job in trace]
    replays = {
        REPLAYED: replay(trace, pools, policy),
        NEVER: replay(trace, pools, make_policy("never")),
        ALWAYS: replay(anywhere, _elastic(cloud_only(pools), len(trace)), make_policy("immediate")),
    }
    return happened(jobs, pools, costs, cloud_usd), *compare(replays)


def happened(jobs: Sequence[JobLine], pools: Sequence[Pool], costs: Mapping[str, float], cloud_usd: float) -> Row:
    """The real run in the figures of a replay: owned nodes from the first submit to the last end."""
    burst = {pool.name for pool in pools if pool.role is PoolRole.BURST}
    runs = [_run(job, job.pool in burst, costs.get(job.submission_id, 0.0)) for job in jobs if job.run_s]
    bare = row(HAPPENED, runs, 0.0, cloud_usd)
    per_hour = sum(t.price_usd_per_hour * t.max_nodes for p in pools if p.name not in burst for t in p.node_types)
    return row(HAPPENED, runs, per_hour * bare.makespan_s / 3600.0, cloud_usd)


def _elastic(pools: Sequence[Pool], nodes: int) -> list[Pool]:
    """A cloud that has a node for every job at once."""
    return [replace(p, node_types=tuple(replace(t, max_nodes=nodes) for t in p.node_types)) for p in pools]


def _trace(job: JobLine, expected_s: float, may_burst: bool) -> TraceJob:
    return TraceJob(
        submission_id=job.submission_id,
        user=job.user,
        team=job.team,
        submitted_at=job.submitted_at,
        runtime_s=job.run_s or 0.0,
        demand=demand(),
        hints=Hints(runtime_s=expected_s),
        may_burst=may_burst,
    )


def _run(job: JobLine, burst: bool, cost_usd: float) -> JobRun:
    return JobRun(
        submission_id=job.submission_id,
        team=job.team,
        pool=job.pool,
        node_type="worker",
        market=job.market,
        burst=burst,
        submitted_at=job.submitted_at,
        started_at=job.submitted_at + job.wait_s,
        ended_at=job.submitted_at + job.wait_s + (job.run_s or 0.0),
        cost_usd=cost_usd,
    )
