"""Small backtests for tests of the report: real columns, summed up by the code that does so for real runs."""

from collections.abc import Mapping, Sequence

import numpy as np

from spillover.backtest.columns import Columns
from spillover.backtest.gap import beside
from spillover.backtest.outcome import BOTH, LEFT, OWNED, RENTED, Outcome, Series
from spillover.backtest.results import Bound, PricePoint, Record, Results, Run, TraceFacts
from spillover.backtest.summary import compared, summarise
from spillover.backtest.world import World

JOBS = 40
TEAMS = ("search", "speech")


def columns(teams: Sequence[str] = TEAMS, source: str = "small.csv") -> Columns:
    """40 jobs, one every ten minutes, that run for 1 to 40 quarters of an hour on 1, 2, 4 or 8 GPUs."""
    n, zeros = np.arange(JOBS), np.zeros(JOBS)
    return Columns(
        ids=tuple(f"job{k}" for k in n),
        submit_s=600.0 * n,
        run_s=900.0 * (n + 1),
        gpus=2.0 ** (n % 4),
        cpus=zeros,
        team=n % len(teams),
        user=np.zeros(JOBS, int),
        priority=np.zeros(JOBS, int),
        hint_s=zeros + np.nan,
        deadline_s=zeros + np.inf,
        like=np.zeros((JOBS, 1), int),
        resumable=n % 2 == 0,
        may_burst=n >= 0,
        teams=tuple(teams),
        users=("",),
        source=source,
        sha256="ab" * 32,
    )


def outcome(
    policy: str,
    settings: Mapping[str, object],
    trace: Columns,
    world: World,
    *,
    wait_s: float,
    rented: int,
    left: int = 0,
) -> Outcome:
    """Every job waits so long; the first so many rent, every fourth of them for half of its time; the last are left."""
    n = np.arange(JOBS)
    where = np.where(n < rented, np.where(n % 4 == 0, BOTH, RENTED), OWNED)
    where[JOBS - left :] = LEFT
    gpu_s = np.where(n < rented, trace.gpus * trace.run_s, 0.0)
    usd = gpu_s / 3600 * world.on_demand_usd
    at = np.linspace(0, 60_000, 50)
    never = np.zeros(JOBS, int)
    return Outcome(
        policy=policy,
        settings=settings,
        world=world,
        trace=trace,
        wait_s=np.full(JOBS, wait_s),
        started_s=trace.submit_s + wait_s,
        ended_s=trace.submit_s + wait_s + trace.run_s,
        where=where,
        cloud_gpu_s=gpu_s,
        cloud_usd=usd,
        moves=(where == BOTH).astype(int),
        interruptions=never,
        missed=never > 0,
        total_cloud_usd=float(usd.sum()) * 1.05,
        total_cloud_gpu_h=float(gpu_s.sum()) / 3600,
        egress_usd=float(usd.sum()) * 0.05,
        owned_gpu_h=100.0,
        owned_usd=0.0,
        decisions=JOBS,
        wall_s=0.5,
        series=Series(at, at / 6000, at / 3000, at * 0 + 12, at * 0 + rented / 4, at / 60_000 * usd.sum() * 1.05),
        forecast_low_s=trace.run_s * np.where(n % 5, 0.5, 2.0),
        forecast_high_s=trace.run_s * 3.0,
    )


def runs(trace: Columns, world: World) -> list[Run]:
    """Both ends, two settings of the anchor and two of ours, of which each beats one of the anchor's."""
    chosen: list[tuple[str, dict[str, object], float, int]] = [
        ("immediate", {}, 0.0, 36),
        ("never", {}, 90_000.0, 0),
        ("starburst", {"waiting": "cost", "coefficient": 0.1}, 300.0, 32),
        ("starburst", {"waiting": "cost", "coefficient": 1.0}, 7200.0, 24),
        ("marginal", {"value_of_waiting": 50.0}, 240.0, 30),
        ("marginal", {"value_of_waiting": 5.0}, 5400.0, 18),
    ]
    return [summarise(outcome(p, s, trace, world, wait_s=wait, rented=rented)) for p, s, wait, rented in chosen]


def results(
    found: Sequence[Run] | None = None,
    trace: Columns | None = None,
    world: World | None = None,
    *,
    bounds: Sequence[Bound] = (),
    points: Sequence[PricePoint] = (),
) -> Results:
    """A backtest of those runs, without any bound or replayed price unless given."""
    trace, world = trace or columns(), world or World(nodes=2)
    found = runs(trace, world) if found is None else found
    gpu_h = float((trace.run_s * trace.gpus).sum()) / 3600
    facts = TraceFacts(trace.source, trace.sha256, "csv", JOBS, 0.0, 23_400.0, gpu_h, 0.9, 14.4, 0.5, trace.teams)
    record = Record("1.2.3", "0123456789ab", 1.8e9, 3.0, 2, 7, 0.5, command="spillover backtest small.csv --nodes 2")
    return Results(facts, world, compared(beside(found, bounds)), record, tuple(points), tuple(bounds))
