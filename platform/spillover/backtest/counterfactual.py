"""What the same jobs would have cost and waited otherwise, beside what happened to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..domain.answers import Comparison
from ..domain.money import NANOS, EntryKind
from ..domain.past import PastJob
from ..domain.pool import Pool, PoolKind, PoolRole
from ..domain.terms import Terms
from ..placement.policies import Policy, make_policy
from .replay import cloud_only, replay
from .report import compare, row
from .timing import measure
from .trace import JobRun, Replay, TraceJob

HAPPENED, REPLAYED = "what happened", "the same policy, replayed"
NEVER, ALWAYS = "never burst", "always cloud"

MOST_JOBS = 500
"""How many past jobs are worth comparing while somebody waits for it.

A replay looks at its whole queue at each of its events. Measured on one core: 500 jobs take 0.6 to 2.2 s on pools of 4
to 16 nodes of 8 GPUs, the longer the further the owned pool falls behind, and 2 to 4 s on pools of 64.
"""


def counterfactuals(
    jobs: Sequence[PastJob],
    pools: Sequence[Pool],
    policy: Policy,
    spent: Sequence[Mapping[str, Any]],
    may_burst: Callable[[str], bool],
    *,
    default_runtime_s: float = 3600.0,
    with_policy: bool = False,
    terms: Terms | None = None,
) -> tuple[Comparison, ...]:
    """What happened, then "never burst" and "always cloud", each through the placement code that runs live.

    `spent` is what ports.Store.spend(["pool", "kind"]) says of the jobs' time, `may_burst` whether a team's work may.
    "Always cloud" owns nothing, rents as many nodes as all jobs could want at once, and takes every team's work. It is
    left out where there is no burst pool, "never burst" where there is no other. How long nodes take to start, and jobs
    to be dispatched, is measured from these jobs. With `with_policy`, `policy` is
    replayed too: it shows how far a replay is from what happened.
    """
    trace, timings = traced(jobs, may_burst), measure(jobs, pools)
    owned, rented = [p for p in pools if p.role is not PoolRole.BURST], cloud_only(pools)

    def played(on: Sequence[Pool], by: Policy, those: Sequence[TraceJob] = trace) -> Replay:
        return replay(those, on, by, default_runtime_s=default_runtime_s, timings=timings, terms=terms)

    ways = {}
    if with_policy:
        ways[REPLAYED] = played(pools, policy)
    if owned:
        ways[NEVER] = played(owned, make_policy("never"))
    if rented:
        anywhere = [replace(job, may_burst=True) for job in trace]
        ways[ALWAYS] = played(_elastic(rented, trace), make_policy("immediate"), anywhere)
    return happened(jobs, pools, spent), *compare(ways)


def happened(jobs: Sequence[PastJob], pools: Sequence[Pool], spent: Sequence[Mapping[str, Any]]) -> Comparison:
    """What really happened, in the figures of a replay.

    As there, owned pools are paid for with all of their nodes from the first submit to the last end. What the ledger
    has booked on these jobs on rented pools is theirs, and of heads and idle time there as large a part as of the work.
    """
    burst = {pool.name for pool in cloud_only(pools)}
    runs = [_run(job, burst=job.pool in burst) for job in jobs]
    cloud_usd = _cloud_nanos(jobs, burst, spent) / NANOS
    makespan_s = row(HAPPENED, runs, 0.0, cloud_usd).makespan_s
    per_hour = sum(t.price_usd_per_hour * t.max_nodes for p in pools if p.name not in burst for t in p.node_types)
    return row(HAPPENED, runs, per_hour * makespan_s / 3600.0, cloud_usd)


def _cloud_nanos(jobs: Sequence[PastJob], burst: set[str], spent: Sequence[Mapping[str, Any]]) -> float:
    rows = [r for r in spent if r["pool"] in burst]
    total = sum(int(r["nano_usd"]) for r in rows)
    work = sum(int(r["nano_usd"]) for r in rows if r["kind"] == EntryKind.JOB)
    mine = sum(job.nano_usd for job in jobs if job.pool in burst)
    return total * (mine / work) if work else total


def _elastic(pools: Sequence[Pool], trace: Sequence[TraceJob]) -> list[Pool]:
    """Clouds without limits, where they are ours to grow."""
    nodes = sum(max(1, sum(count for count, _ in job.demand.bundles)) + 1 for job in trace)
    return [_without_limits(p, nodes, len(trace)) if p.kind is PoolKind.LAUNCHED else p for p in pools]


def _without_limits(pool: Pool, nodes: int, drivers: int) -> Pool:
    types = tuple(replace(t, max_nodes=nodes) for t in pool.node_types)
    return replace(pool, node_types=types, max_drivers=max(drivers, pool.max_drivers))


def traced(jobs: Sequence[PastJob], may_burst: Callable[[str], bool]) -> list[TraceJob]:
    """What ran, as a trace to be replayed."""
    return [_trace(job, may_burst=may_burst(job.team)) for job in jobs]


def _trace(job: PastJob, *, may_burst: bool) -> TraceJob:
    return TraceJob(
        submission_id=job.submission_id,
        user=job.user,
        team=job.team,
        submitted_at=job.submitted_at,
        runtime_s=job.ended_at - job.started_at,
        demand=job.demand,
        hints=job.hints,
        priority=job.priority,
        may_burst=may_burst,
        entrypoint=job.entrypoint,
    )


def _run(job: PastJob, *, burst: bool) -> JobRun:
    return JobRun(
        submission_id=job.submission_id,
        team=job.team,
        pool=job.pool,
        node_type=job.node_type,
        market=job.market,
        burst=burst,
        submitted_at=job.submitted_at,
        started_at=job.started_at,
        ended_at=job.ended_at,
        cost_usd=job.nano_usd / NANOS,
        placed_at=job.placed_at,
    )
