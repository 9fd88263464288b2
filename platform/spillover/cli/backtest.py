"""`spillover backtest`: what a trace would have cost and waited, under each policy and setting."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import BadArgument
from . import backtest_options as opt
from .backtest_inputs import TraceAsked, WorldAsked, load_trace, make_world, settings_at
from .output import draw, failures, say

if TYPE_CHECKING:
    from ..backtest.perform import Progress
    from ..backtest.results import Results


def backtest(
    trace: opt.Trace = None,
    from_store: opt.FromStore = False,
    format_name: opt.FormatName = None,
    nodes: opt.Nodes = None,
    gpus_per_node: opt.GpusPerNode = None,
    count: opt.Count = None,
    policies: opt.Policies = None,
    settings: opt.Set = None,
    prices: opt.Prices = None,
    instance: opt.Instance = None,
    region: opt.Region = "us-east-1",
    spot_trace: opt.SpotTrace = None,
    order: opt.OrderName = None,
    known_runtimes: opt.KnownRuntimes = False,
    movable: opt.Movable = None,
    seed: opt.Seed = 1,
    first: opt.First = None,
    last: opt.Last = None,
    window: opt.Window = None,
    leave_out: opt.LeaveOut = 0,
    workers: opt.Workers = None,
    by: opt.By = None,
    bound: opt.WithBound = False,
    speed_check: opt.SpeedCheck = False,
    speed_against: opt.SpeedAgainst = None,
    report: opt.Report = None,
    out: opt.Out = None,
    config: opt.Config = None,
    as_json: opt.RecordJson = False,
) -> None:
    """Play a trace through the policies that run live: dollars against wait, for each policy and setting.

    The trace is a CSV or Parquet file with a row a job, what Slurm, Kueue or Ray list, or this installation's own
    history. Nothing but the replay is started, and nobody is asked.
    """
    with failures():
        own = settings_at(config)
        read = TraceAsked(trace, from_store, format_name, count, movable, seed, first, last, window)
        loaded = load_trace(read, own)
        placed = WorldAsked(nodes, gpus_per_node, prices, instance, region, spot_trace, order, known_runtimes)
        world, notes = make_world(placed, loaded, own)
        from ..backtest.assignments import read_assignments, world_with
        from ..backtest.perform import Options, perform
        from ..backtest.sweep import choices

        given = read_assignments(settings or ())
        world = world_with(world, given)
        chosen = choices(policies or (), given, loaded.trace, world)
        if speed_check or speed_against:
            from .backtest_speed import tell_speed

            tell_speed(loaded.trace, world, chosen[0], speed_against, as_json)
            return
        # The same every time: a record must say how it can be made again
        command = shlex.join(["spillover", *sys.argv[1:]])
        if bound and leave_out:
            raise BadArgument("--bound is of all jobs, and --leave-out counts only some: take one of them")
        left_out = (leave_out, leave_out)
        options = Options(left_out, workers, seed, movable, report is not None, bound, tuple(notes), command)
        with progress_bar() as progress:
            results = perform(loaded, world, chosen, options, progress)
        _tell(results, as_json, by, report, out)


@contextmanager
def progress_bar() -> Iterator[Progress | None]:
    """How many runs are done, and for how long it will go on, on a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("runs"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("runs", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _tell(results: Results, as_json: bool, by: str | None, report: Path | None, out: Path | None) -> None:
    if as_json:
        print(json.dumps(results.as_json(), indent=1))
    else:
        from .backtest_tables import results_table

        draw((results, by), results_table)
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(results.as_json(), indent=1) + "\n")
        say(f"The record is in {out}.")
    if report:
        from ..backtest.html.report import write_report

        report.parent.mkdir(parents=True, exist_ok=True)
        write_report(results, report)
        say(f"The report is in {report}.")
