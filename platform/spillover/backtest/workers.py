"""Runs replays one after the other, or side by side as tasks of a Ray cluster that lives only as long."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .columns import Columns
from .exact import Player
from .own_ray import own_ray
from .results import Run
from .sizing import taken
from .sweep import Choice
from .world import World

Done = Callable[[Run], None]
"""Told of each run that is done, in whatever order they come."""

WORTH_RAY_S = 15.0
"""Starting Ray and importing in each worker takes about 6 s on two cores: shorter sweeps run here."""

_JOBS_PER_S = 20_000.0


@dataclass(frozen=True)
class Task:
    """One replay: its world may differ from that of others."""

    choice: Choice
    world: World


def run_all(trace: Columns, tasks: Sequence[Task], left_out: tuple[int, int], workers: int, done: Done) -> list[Run]:
    """The run of each task, in their order."""
    if workers <= 1 or len(tasks) <= 1:
        return [_told(run_one(trace, task, left_out), done) for task in tasks]
    # What is compiled here is on the disk when the workers look for it: they would all compile at once
    run_one(taken(trace, np.arange(len(trace)) == 0), tasks[0], (0, 0))
    with own_ray(workers):
        return _on_ray(trace, tasks, left_out, done)


def run_one(trace: Columns, task: Task, left_out: tuple[int, int], play: Player | None = None) -> Run:
    """Play it and keep its figures."""
    from .summary import label_of, summarise  # noqa: PLC0415

    run = summarise((play or _compiled())(trace, task.world, task.choice.make()), left_out)
    chosen = task.choice.settings
    return replace(run, settings={**run.settings, **chosen}, label=label_of(run.policy, chosen))


def _compiled() -> Player:
    from .run import play  # noqa: PLC0415  # numba, which nobody else needs

    return play


def fitting_workers(jobs: int, runs: int) -> int:
    """As many as there are cores, one where the sweep is over before Ray has started."""
    if jobs * runs / _JOBS_PER_S < WORTH_RAY_S:
        return 1
    return min(len(os.sched_getaffinity(0)), runs)


def _told(run: Run, done: Done) -> Run:
    done(run)
    return run


def _on_ray(trace: Columns, tasks: Sequence[Task], left_out: tuple[int, int], done: Done) -> list[Run]:
    import ray  # noqa: PLC0415

    remote = ray.remote(num_cpus=1, max_retries=0)(run_one)
    shared = ray.put(trace)
    pending = {remote.remote(shared, task, left_out): at for at, task in enumerate(tasks)}
    found: dict[int, Run] = {}
    while pending:
        ready, _ = ray.wait(list(pending), num_returns=1)
        for ref in ready:
            found[pending.pop(ref)] = _told(ray.get(ref), done)
    return [found[at] for at in range(len(tasks))]
