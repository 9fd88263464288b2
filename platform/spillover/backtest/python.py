"""`spillover.backtest(...)`: a backtest from Python, without settings or a server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from .assignments import Assignments, world_with
from .columns import Columns
from .perform import Options, Progress, perform
from .readers import Loaded, Reading, read_trace
from .results import Results
from .sizing import fitting_nodes
from .sweep import choices
from .world import World


def backtest(
    trace: str | Path | Columns,
    *,
    nodes: int | None = None,
    gpus_per_node: int | None = None,
    policies: Sequence[str] = (),
    settings: Mapping[str, object] | None = None,
    world: World | None = None,
    format: str | None = None,  # noqa: A002  # as the command's option
    count: str | None = None,
    movable: float | None = None,
    seed: int = 1,
    leave_out: int = 0,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Results:
    """Play a trace through the policies that run live, and say what it costs and who waits.

    `trace` is a file of any format that `spillover backtest` reads, or columns. `settings` hold a value, or a list of
    values to sweep, by key: `{"starburst.coefficient": [0.1, 0.2], "world.startup_s": 60}`. `world` holds prices and
    times, `nodes` and `gpus_per_node` win over its; without either the owned nodes are the fewest of 8 GPUs that the
    jobs do not overload. Without `policies` both ends, Starburst's and ours are swept. `movable` is the share of the
    jobs that may be moved, drawn by `seed`, where the trace does not say. `leave_out` are the first and the last so
    many jobs, which are played and not counted. More than one of `workers` are tasks of a local Ray. Raises
    BadArgument, a ValueError too.
    """
    loaded = _loaded(trace, Reading(count, movable, seed), format)
    given = _assignments(settings or {})
    placed = world_with(_sized(loaded.trace, world, nodes, gpus_per_node), given)
    chosen = choices(policies, given, loaded.trace, placed)
    options = Options((leave_out, leave_out), workers, seed, movable)
    return perform(loaded, placed, chosen, options, progress)


def _loaded(trace: str | Path | Columns, how: Reading, format_name: str | None) -> Loaded:
    if isinstance(trace, Columns):
        return Loaded(trace, "columns", ())
    return read_trace(Path(trace), how, format_name)


def _assignments(settings: Mapping[str, object]) -> Assignments:
    """One value each, or a list of them. The world's own lists are one value."""
    return {
        key: value if isinstance(value, list) and not key.startswith("world.") else [value]
        for key, value in settings.items()
    }


def _sized(trace: Columns, world: World | None, nodes: int | None, gpus_per_node: int | None) -> World:
    """The world with as many nodes as are asked for."""
    if world is None:
        per_node = gpus_per_node or 8
        return World(fitting_nodes(trace, per_node) if nodes is None else nodes, per_node)
    return replace(
        world,
        nodes=world.nodes if nodes is None else nodes,
        gpus_per_node=world.gpus_per_node if gpus_per_node is None else gpus_per_node,
    )
