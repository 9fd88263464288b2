"""What the policy `marginal` saves beside Starburst on real traces, how near the bound it comes, and how fast replays are."""

from __future__ import annotations

import csv
import math
import statistics

import perf_study as study
from perf_harness import Measured, alone, benchmark, overhead
from perf_sites import Bench
from perf_traces import FOLDER, trace

from spillover.backtest.run import play
from spillover.backtest.world import Order, World
from spillover.placement.policies import make_policy


def _share(closed: float, *samples: float) -> Measured:
    return Measured(closed, closed, closed, list(samples))


def _closed(site: str, wait_h: float, movable: float, *, known: bool = False) -> Measured:
    """Of the gap between Starburst and the bound, the share that is closed at that mean wait; samples: the three bills."""
    other, ours = (
        study.usd_at(study.starbursts(site, known), wait_h),
        study.usd_at(study.marginals(site, movable), wait_h),
    )
    bound = study.bound_usd(site, wait_h, movable)
    return _share((other - ours) / (other - bound), other, ours, bound)


def _wait_ratio(site: str) -> Measured:
    """At Starburst's bill for a mean wait of 0.02 to 0.8 h, how long ours waits: the median of the ratios."""
    pairs = []
    for wait_h in (*study.WAITS_H.values(), *study.LONG_H):
        ours = study.wait_at(study.marginals(site), study.usd_at(study.starbursts(site), wait_h))
        pairs.append((ours, wait_h))
    return overhead([pair for pair in pairs if not math.isnan(pair[0])])


def _unlearned(site: str, movable: float) -> Measured:
    """Without knowing run times, at a mean wait of 0.3% of the mean run time, beside no wait."""
    wait_h = 0.003 * float(trace(study.SITES[site][0]).run_s.mean()) / 3600.0
    return overhead([(study.usd_at(study.unlearned(site, movable), wait_h), study.nowait_usd(site))])


def _on_spot(site: str) -> Measured:
    """With real spot markets, all interruptions paid, beside Starburst on demand at the same mean wait: the cheapest
    whose jobs of 4 h and more are slowed by 6% at most. A sample: bill, Starburst's bill, mean wait (h), slowed by."""
    found = []
    for point, slowed in study.on_spot(site):
        other = study.usd_at(study.starbursts(site), point.wait_h)
        found.append((point.usd / other, point.usd, other, point.wait_h, slowed))
    allowed = [row for row in found if row[4] <= 0.06 and not math.isnan(row[0])] or found
    best = min(allowed)
    return Measured(best[0], best[0], best[0], [tuple(row[1:]) for row in found], baseline=1.0, ratio=best[0])  # type: ignore[misc]


def _define(site: str) -> None:
    for wait, wait_h in study.WAITS_H.items():
        philly = site.startswith("philly")

        def cost(_: Bench, wait_h: float = wait_h) -> Measured:
            return overhead(
                [(study.usd_at(study.marginals(site), wait_h), study.usd_at(study.starbursts(site), wait_h))]
            )

        def half(_: Bench, wait_h: float = wait_h) -> Measured:
            return _closed(site, wait_h, 0.5)

        def every(_: Bench, wait_h: float = wait_h) -> Measured:
            return _closed(site, wait_h, 1.0)

        def none(_: Bench, wait_h: float = wait_h) -> Measured:
            return _closed(site, wait_h, 0.0)

        benchmark(f"marginal_vs_starburst_cost_{site}_{wait}", "ratio", aim=1.0)(cost)
        benchmark(f"bound_gap_closed_{site}_{wait}", "share", aim=1 / 3 if philly else 0.1, more_is_better=True)(half)
        benchmark(f"bound_gap_closed_all_{site}_{wait}", "share", aim=0.5 if philly else 0.2, more_is_better=True)(
            every
        )
        benchmark(f"bound_gap_closed_none_{site}_{wait}", "share")(none)
    benchmark(f"marginal_vs_starburst_wait_{site}", "ratio", aim=0.5)(lambda _: _wait_ratio(site))
    benchmark(f"no_estimate_vs_nowait_cost_{site}", "ratio", aim=0.92)(lambda _: _unlearned(site, 0.5))
    benchmark(f"no_estimate_vs_nowait_cost_all_{site}", "ratio", aim=0.85)(lambda _: _unlearned(site, 1.0))
    benchmark(f"spot_vs_starburst_cost_{site}", "ratio", aim=0.45)(lambda _: _on_spot(site))


for _site in study.SITES:
    _define(_site)


_FULL = World(nodes=48, order=Order.EASY)
"""Everything in it: EASY backfill, nodes that start and stand idle, moves."""


@benchmark("backtest_jobs_per_s", "jobs/s", aim=50_000.0, more_is_better=True)
def jobs_per_s(bench: Bench) -> Measured:
    """All of Philly on 384 GPUs in the full world, under `marginal`, in one process; compiled before."""
    jobs, policy = trace("philly"), make_policy("marginal", value_of_waiting=10.0)
    play(jobs, _FULL, policy)
    return alone(bench.samples(lambda: len(jobs) / play(jobs, _FULL, policy).wall_s, 3))


@benchmark("backtest_speedup_vs_starburst", "times", aim=10.0, more_is_better=True)
def speedup(bench: Bench) -> Measured:
    """The same runs as Starburst's published simulator made (its speed as recorded, on two shared cores): the slowest ratio."""
    pairs = []
    with (FOLDER / "starburst_philly.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["max_queue"] == "-1"]
    for row in rows:
        waiting = {"zero": "zero", "constant": "constant", "linear_runtime": "runtime", "linear_cost": "cost"}[
            row["policy"]
        ]
        factor = float(row["factor"]) if waiting != "zero" else 0.0
        policy = make_policy("starburst", waiting=waiting, coefficient=factor)
        order = Order.ANY if row["order"] == "loop" else Order.IN_ORDER
        world = World(nodes=int(row["nodes"]), startup_s=0, idle_timeout_s=0, order=order, known_runtimes=True)
        found = play(trace("philly"), world, policy)
        pairs.append((len(found.trace) / found.wall_s, float(row["jobs_per_s"])))
    least = min(ours / theirs for ours, theirs in pairs)
    return Measured(least, least, statistics.median(ours / theirs for ours, theirs in pairs), pairs)
