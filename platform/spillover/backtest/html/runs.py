"""The table of runs."""

from __future__ import annotations

from ...units import show_duration
from ..results import Results, Run
from .choice import Cast, no_wait
from .figures import NONE, change, count, share, usd
from .headline import closed
from .markup import Html, table


def runs(results: Results, cast: Cast) -> Html:
    """One row a run, in the order of the results."""
    columns = [_columns(results, cast, run) for run in results.runs]
    return table(columns[0], (row.values() for row in columns), _caption(results))


def _columns(results: Results, cast: Cast, run: Run) -> dict[str, str]:
    return {
        "run": cast.legend(run.policy, f"{run.label} ★" if run.cheapest else run.label),
        "cloud bill": usd(run.cloud_usd),
        "beside renting at once": NONE if run.vs_no_wait is None else change(run.vs_no_wait, 1.0),
        **({"way to the bound": _way(results, run)} if results.bounds else {}),
        "mean wait": show_duration(run.wait.mean_s),
        "half wait under": show_duration(run.wait.p50_s),
        "9 in 10 under": show_duration(run.wait.p90_s),
        "99 in 100 under": show_duration(run.wait.p99_s),
        "slowdown": f"{run.slowdown:,.2f}",
        "jobs that rented": share(run.bursts / max(1, run.jobs)),
        "GPU-hours rented": count(run.cloud_gpu_h),
        "egress": usd(run.egress_usd),
        "owned GPUs busy": share(run.utilisation),
    }


def _caption(results: Results) -> str:
    left = results.record.left_out_of_figures
    said = (
        "★: no other run has both less wait and a smaller bill. Wait is completion time less run time, pauses "
        "included; slowdown is completion time over run time, as the mean over jobs."
    )
    if not any(left):
        return said
    return f"{said} The first {count(left[0])} and the last {count(left[1])} jobs are played and not counted."


def _way(results: Results, run: Run) -> str:
    """How much of the gap between renting at once and the bound at its wait the run closes."""
    dear = no_wait(results)
    if dear is None or run.bound_usd is None or dear.cloud_usd <= run.bound_usd:
        return NONE
    return share(closed(run, dear, run.bound_usd))
