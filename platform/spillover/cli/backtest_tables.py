"""A backtest as tables. Pure functions: results in, something to print out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from .grid import Grid
from .text import NOTHING, age, dollars, plain

if TYPE_CHECKING:
    from ..backtest.results import Group as Jobs
    from ..backtest.results import Results, Run

_DAY = 86400.0
_BY = {"team": "by_team", "size": "by_size", "length": "by_length"}
_COLUMNS = (
    *(
        "",
        "RUN",
        ">MEAN WAIT",
        ">P50",
        ">P90",
        ">P99",
        ">SLOWDOWN",
        ">CLOUD",
        ">VS NO WAIT",
        ">OVER BOUND",
        ">GPU-H",
        ">BURST",
    ),
    *(">MOVES", ">STOPS", ">MISSED", ">NEVER RAN", ">USED"),
)
_DROP = ("STOPS", "P50", "MISSED", "SLOWDOWN", "GPU-H", "MOVES", "USED", "P99", "BURST")


def results_table(told: tuple[Results, str | None], now: float) -> RenderableType:  # noqa: ARG001  # all are called alike
    """What was played, a row for each run, and from what the figures come; with `by`, the groups of each run."""
    results, by = told
    parts: list[RenderableType] = [Text("\n".join(_head(results)), style="dim"), _runs(results)]
    if by:
        parts += [Text(f"\nBy {by}", style="bold"), _groups(results.runs, by)]
    parts.append(Text("\n".join(_foot(results)), style="dim"))
    return Group(*parts)


def _head(results: Results) -> Iterator[str]:
    trace, world = results.trace, results.world
    yield (
        f"{trace.source}: {trace.jobs:,} jobs in {trace.span_s / _DAY:,.1f} days, {trace.gpu_h:,.0f} GPU-hours, "
        f"{trace.movable_share:.0%} of the jobs movable"
    )
    yield (
        f"{world.nodes} owned nodes with {world.gpus_per_node} GPUs: load {trace.load:.2f}; "
        f"order {world.order.value}, {len(world.spot)} spot zones"
    )


def _runs(results: Results) -> Grid:
    """Columns of what happened in no run are left out."""
    counts = {
        "MOVES": "moves",
        "STOPS": "interruptions",
        "MISSED": "misses",
        "NEVER RAN": "unplaced",
        "OVER BOUND": "bound_usd",
    }
    none = {column for column, name in counts.items() if not any(getattr(run, name) for run in results.runs)}
    kept = [at for at, column in enumerate(_COLUMNS) if column.lstrip(">") not in none]
    grid = Grid(*(_COLUMNS[at] for at in kept), drop=[column for column in _DROP if column not in none])
    for run in results.runs:
        cells = list(_row(run))
        grid.add(*(cells[at] for at in kept), style="bold" if run.cheapest else "")
    return grid


def _row(run: Run) -> Iterator[str]:
    yield "✔" if run.cheapest else ""
    yield plain(run.label)
    yield from (age(seconds) for seconds in (run.wait.mean_s, run.wait.p50_s, run.wait.p90_s, run.wait.p99_s))
    yield f"{run.slowdown:,.2f}"
    yield dollars(run.cloud_usd)
    yield NOTHING if run.vs_no_wait is None else f"{run.vs_no_wait - 1.0:+.1%}"
    yield _over(run)
    yield f"{run.cloud_gpu_h:,.0f}"
    yield f"{run.bursts / max(run.jobs, 1):.1%}"
    yield from (f"{number:,}" for number in (run.moves, run.interruptions, run.misses, run.unplaced))
    yield f"{run.utilisation:.0%}"


def _over(run: Run) -> str:
    """How far above the bound. At long waits that is next to nothing, and a share of it says nothing."""
    if not run.bound_usd:
        return NOTHING
    times = run.cloud_usd / run.bound_usd
    return f"{times - 1.0:+.1%}" if times < 10 else "over 10x"


def _groups(runs: Sequence[Run], by: str) -> Grid:
    grid = Grid(by.upper(), "RUN", ">JOBS", ">GPU-H", ">MEAN WAIT", ">P90", ">SLOWDOWN", ">CLOUD", ">BURST", ">MISSED")
    shown: dict[str, list[tuple[Run, Jobs]]] = {}
    for run in runs:
        for group in getattr(run, _BY[by]):
            shown.setdefault(group.name, []).append((run, group))
    for name, rows in shown.items():
        for at, (run, group) in enumerate(rows):
            grid.add(
                "" if at else plain(name),
                plain(run.label),
                f"{group.jobs:,}",
                f"{group.gpu_h:,.0f}",
                age(group.wait.mean_s),
                age(group.wait.p90_s),
                f"{group.slowdown:,.2f}",
                dollars(group.cloud_usd),
                f"{group.bursts / max(group.jobs, 1):.1%}",
                f"{group.misses:,}",
            )
    return grid


def _foot(results: Results) -> Iterator[str]:
    record = results.record
    yield "✔ nothing else is both cheaper and faster. Wait is JCT less run time: queue, start-up, pauses, work redone."
    first, last = record.left_out_of_figures
    if first or last:
        yield f"The first {first:,} and the last {last:,} jobs are played, and not counted."
    yield from (f"{_sentence(note)}." for note in (*results.trace.left_out, *record.notes))
    speed = sum(run.jobs_per_s for run in results.runs) / max(len(results.runs), 1)
    side_by_side = f", {record.workers} at a time" if record.workers > 1 else ""
    runs = f"{len(results.runs)} run{'s' if len(results.runs) > 1 else ''}"
    commit = f" at {record.commit}" if record.commit else ""
    yield (
        f"{runs} in {age(record.wall_s)}{side_by_side}, {speed:,.0f} jobs/s each; spillover "
        f"{record.version}{commit}, trace {results.trace.sha256[:12]}."
    )


def _sentence(note: str) -> str:
    return note[:1].upper() + note[1:]
