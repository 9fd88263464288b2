"""From a replay's columns to the figures of its run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from .columns import Bools, Columns, Floats
from .outcome import BOTH, LEFT, RENTED, Outcome, Series
from .results import Curves, Group, Run, Spread, cheapest_runs

SHORTEST_S = 10.0
"""Run times below this count as this in slowdowns, so that no job of a second decides the mean (as Feitelson does)."""

_HOUR = 3600.0
_NO_WAIT = "immediate"
_SIZES = (
    (0.0, 1.0, "under 1"),
    (1.0, 2.0, "1"),
    (2.0, 3.0, "2"),
    (3.0, 5.0, "3 to 4"),
    (5.0, 9.0, "5 to 8"),
    (9.0, 17.0, "9 to 16"),
    (17.0, 33.0, "17 to 32"),
    (33.0, np.inf, "over 32"),
)
_LENGTHS = (
    (0.0, 600.0, "under 10 min"),
    (600.0, 3600.0, "10 min to 1 h"),
    (3600.0, 4 * _HOUR, "1 to 4 h"),
    (4 * _HOUR, 24 * _HOUR, "4 to 24 h"),
    (24 * _HOUR, np.inf, "over 24 h"),
)


def counted(jobs: int, left_out: tuple[int, int]) -> Bools:
    """Which jobs count: all but the first and the last so many."""
    first, last = left_out
    rows = np.zeros(jobs, bool)
    rows[first : max(first, jobs - last)] = True
    return rows


def summarise(outcome: Outcome, left_out: tuple[int, int] = (0, 0)) -> Run:
    """The figures of one run. The whole bill where all jobs count, else the counted jobs' own parts of it."""
    rows = counted(len(outcome.trace), left_out)
    whole = bool(rows.all())
    cloud_usd = outcome.total_cloud_usd if whole else float(outcome.cloud_usd[rows].sum())
    cloud_gpu_h = outcome.total_cloud_gpu_h if whole else float(outcome.cloud_gpu_s[rows].sum()) / _HOUR
    all_of_it = _group("", outcome, rows)
    ran = rows & _ended(outcome)
    coverage, by_quarter = _coverage(outcome, rows)
    return Run(
        policy=outcome.policy,
        settings=dict(outcome.settings),
        label=label_of(outcome.policy, outcome.settings),
        jobs=all_of_it.jobs,
        wait=all_of_it.wait,
        jct=_spread((outcome.wait_s + outcome.trace.run_s)[ran]),
        slowdown=all_of_it.slowdown,
        cloud_usd=cloud_usd,
        egress_usd=outcome.egress_usd,
        owned_usd=outcome.owned_usd,
        total_usd=outcome.owned_usd + cloud_usd,
        cloud_gpu_h=cloud_gpu_h,
        owned_gpu_h=outcome.owned_gpu_h,
        bursts=all_of_it.bursts,
        on_both=int((outcome.where[rows] == BOTH).sum()),
        moves=all_of_it.moves,
        interruptions=all_of_it.interruptions,
        misses=all_of_it.misses,
        unplaced=int((outcome.where[rows] == LEFT).sum()),
        utilisation=_utilisation(outcome),
        wait_at=tuple(np.percentile(outcome.wait_s[ran], range(101)).tolist()) if ran.any() else (),
        by_team=tuple(_groups(outcome, rows, _teams(outcome.trace))),
        by_size=tuple(_groups(outcome, rows, _classes(outcome.trace.gpus, _SIZES))),
        by_length=tuple(_groups(outcome, rows, _classes(outcome.trace.run_s, _LENGTHS))),
        curves=_curves(outcome.series),
        decisions=outcome.decisions,
        wall_s=outcome.wall_s,
        jobs_per_s=len(outcome.trace) / max(outcome.wall_s, 1e-9),
        coverage_80=coverage,
        coverage_by_quarter=by_quarter,
        extra=dict(outcome.extra),
    )


def label_of(policy: str, settings: Mapping[str, object]) -> str:
    """`starburst waiting=cost coefficient=0.1`."""
    return " ".join([policy, *(f"{name}={_told(value)}" for name, value in settings.items())])


def _told(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def compared(runs: Sequence[Run]) -> tuple[Run, ...]:
    """The runs sorted by policy and bill, each beside that of bursting at once, the cheapest at their wait marked."""
    no_wait = next((run.cloud_usd for run in runs if run.policy == _NO_WAIT), None)
    best = {id(run) for run in cheapest_runs([run for run in runs if not run.unplaced] or runs)}
    marked = [
        replace(run, cheapest=id(run) in best, vs_no_wait=run.cloud_usd / no_wait if no_wait else None) for run in runs
    ]
    return tuple(sorted(marked, key=lambda run: (run.policy, run.cloud_usd, run.wait.mean_s)))


def _ended(outcome: Outcome) -> Bools:
    ended: Bools = (outcome.where != LEFT) & np.isfinite(outcome.wait_s)
    return ended


def _spread(seconds: Floats) -> Spread:
    if not len(seconds):
        return Spread(0.0, 0.0, 0.0, 0.0, 0.0)
    p50, p90, p99 = np.percentile(seconds, (50, 90, 99)).tolist()
    return Spread(float(seconds.mean()), p50, p90, p99, float(seconds.max()))


def _group(name: str, outcome: Outcome, rows: Bools) -> Group:
    ran = rows & _ended(outcome)
    run_s, wait_s = outcome.trace.run_s[ran], outcome.wait_s[ran]
    slowdown = (wait_s + run_s) / np.maximum(run_s, SHORTEST_S)
    return Group(
        name=name,
        jobs=int(rows.sum()),
        gpu_h=float((outcome.trace.run_s * outcome.trace.gpus)[rows].sum()) / _HOUR,
        wait=_spread(wait_s),
        slowdown=float(np.maximum(slowdown, 1.0).mean()) if len(slowdown) else 1.0,
        cloud_gpu_h=float(outcome.cloud_gpu_s[rows].sum()) / _HOUR,
        cloud_usd=float(outcome.cloud_usd[rows].sum()),
        bursts=int(np.isin(outcome.where[rows], (RENTED, BOTH)).sum()),
        moves=int(outcome.moves[rows].sum()),
        interruptions=int(outcome.interruptions[rows].sum()),
        misses=int(outcome.missed[rows].sum()),
    )


def _groups(outcome: Outcome, rows: Bools, named: Iterator[tuple[str, Bools]]) -> Iterator[Group]:
    """Those of the groups that have a job which counts."""
    for name, of_it in named:
        if (rows & of_it).any():
            yield _group(name, outcome, rows & of_it)


def _teams(trace: Columns) -> Iterator[tuple[str, Bools]]:
    for number, name in enumerate(trace.teams):
        yield name or "(no team)", trace.team == number


def _classes(values: Floats, bounds: Sequence[tuple[float, float, str]]) -> Iterator[tuple[str, Bools]]:
    for low, high, name in bounds:
        yield name, (values >= low) & (values < high)


def _utilisation(outcome: Outcome) -> float:
    """The mean over the moments of the series from the first submission to the last."""
    size = outcome.world.nodes * outcome.world.gpus_per_node
    first, last = outcome.trace.submit_s[[0, -1]]
    busy = outcome.series.owned_gpus[(outcome.series.at_s >= first) & (outcome.series.at_s <= last)]
    return float(busy.mean()) / size if size and len(busy) else 0.0


def _coverage(outcome: Outcome, rows: Bools) -> tuple[float | None, tuple[float, ...]]:
    """How many of the jobs that were given an interval ran for as long as it says: of all, and quarter by quarter."""
    given = np.flatnonzero(rows & np.isfinite(outcome.forecast_low_s) & np.isfinite(outcome.forecast_high_s))
    if len(given) < 4:
        return None, ()
    run_s = outcome.trace.run_s[given]
    held = (run_s >= outcome.forecast_low_s[given]) & (run_s <= outcome.forecast_high_s[given])
    return float(held.mean()), tuple(float(part.mean()) for part in np.array_split(held, 4))


def _curves(series: Series) -> Curves:
    return Curves(
        *(
            tuple(values.tolist())
            for values in (
                series.at_s,
                series.queued,
                series.queued_gpus,
                series.owned_gpus,
                series.cloud_gpus,
                series.spent_usd,
            )
        )
    )
