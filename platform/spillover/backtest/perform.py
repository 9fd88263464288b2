"""A whole backtest: from a trace, a world and a choice of policies to results."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from .gap import beside, bounds_of
from .readers import Loaded
from .record import code_commit
from .results import PricePoint, Record, Results, Run, TraceFacts
from .sizing import mean_demand, span_s
from .summary import compared
from .sweep import Choice
from .workers import Task, fitting_workers, run_all
from .world import World

PRICE_FACTORS = (0.5, 2.0)
"""What the cloud's prices are multiplied by to show how much hangs on them."""


@dataclass(frozen=True)
class Options:
    """How a backtest is run and told.

    `workers` None: as many as are worth it. `sensitivity` adds runs at other prices,
    `bound` what no policy can go below.
    """

    left_out: tuple[int, int] = (0, 0)
    workers: int | None = None
    seed: int = 1
    movable: float | None = None
    sensitivity: bool = False
    bound: bool = False
    notes: tuple[str, ...] = ()
    command: str = ""


Progress = Callable[[int, int], None]
"""Told how many runs are done, and of how many."""


def perform(
    loaded: Loaded,
    world: World,
    chosen: Sequence[Choice],
    options: Options | None = None,
    progress: Progress | None = None,
) -> Results:
    """Play the trace under every choice."""
    options = options or Options()
    begun, trace = time.perf_counter(), loaded.trace
    more = len({choice.policy for choice in chosen}) * len(PRICE_FACTORS) if options.sensitivity else 0
    total = len(chosen) + more
    workers = options.workers or fitting_workers(len(trace), total)
    told = _counting(total, progress)
    runs = compared(run_all(trace, [Task(choice, world) for choice in chosen], options.left_out, workers, told))
    found = bounds_of(trace, world, runs) if options.bound else ()
    points = _price_points(loaded, world, runs, options, workers, told) if options.sensitivity else ()
    record = Record(
        version=_version(),
        commit=code_commit(),
        made_at=time.time(),
        wall_s=time.perf_counter() - begun,
        workers=workers,
        seed=options.seed,
        movable=options.movable,
        left_out_of_figures=options.left_out,
        notes=options.notes,
        command=options.command,
    )
    return Results(trace_facts(loaded, world), world, beside(runs, found), record, points, found)


def trace_facts(loaded: Loaded, world: World) -> TraceFacts:
    """What was replayed."""
    trace = loaded.trace
    size = world.nodes * world.gpus_per_node
    return TraceFacts(
        source=trace.source,
        sha256=trace.sha256,
        format=loaded.format,
        jobs=len(trace),
        begins_at=trace.begins_at,
        span_s=span_s(trace),
        gpu_h=float((trace.run_s * trace.gpus).sum()) / 3600.0,
        load=mean_demand(trace) / size if size else 0.0,
        mean_gpus=mean_demand(trace),
        movable_share=float(trace.resumable.mean()),
        teams=trace.teams,
        left_out=loaded.left_out,
    )


def _version() -> str:
    from .. import __version__  # noqa: PLC0415

    return __version__


def _counting(total: int, progress: Progress | None) -> Callable[[Run], None]:
    done = 0

    def told(_run: Run) -> None:
        nonlocal done
        done += 1
        if progress:
            progress(done, total)

    return told


def _price_points(
    loaded: Loaded, world: World, runs: Sequence[Run], options: Options, workers: int, told: Callable[[Run], None]
) -> tuple[PricePoint, ...]:
    """The run in the middle of each policy's frontier, at other prices of the cloud."""
    middles = [_middle([run for run in runs if run.policy == name]) for name in dict.fromkeys(r.policy for r in runs)]
    cases = [(run, factor) for run in middles for factor in PRICE_FACTORS]
    tasks = [Task(Choice(run.policy, run.settings), _at_prices(world, factor)) for run, factor in cases]
    played = run_all(loaded.trace, tasks, options.left_out, workers, told)
    points = [_point(run, run, 1.0) for run in middles]
    points += [_point(run, again, factor) for (run, factor), again in zip(cases, played, strict=True)]
    return tuple(sorted(points, key=lambda point: (point.policy, point.factor)))


def _middle(runs: Sequence[Run]) -> Run:
    by_wait = sorted(runs, key=lambda run: run.wait.mean_s)
    return by_wait[len(by_wait) // 2]


def _at_prices(world: World, factor: float) -> World:
    return replace(world, on_demand_usd=world.on_demand_usd * factor, spot_usd=world.spot_usd * factor)


def _point(run: Run, played: Run, factor: float) -> PricePoint:
    return PricePoint(run.policy, run.label, factor, played.cloud_usd, played.wait.mean_s)
