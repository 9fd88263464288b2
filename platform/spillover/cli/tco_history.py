"""Plays a trace at many on-prem sizes, for `spillover tco`: the backtest on one side, the economics on the other."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..backtest.assignments import Assignments, check_keys, read_assignments, settings_of, world_with
from ..backtest.columns import Columns
from ..backtest.outcome import LEFT, Outcome
from ..backtest.readers import Loaded
from ..backtest.sizing import mean_demand, span_s
from ..backtest.sweep import Choice
from ..backtest.world import World
from ..errors import BadArgument
from ..placement.policies import Policy, policy_names, policy_settings
from ..tco.curve import sweep
from ..tco.figures import Book
from ..tco.history import Played

_STEPS = 8
_VALUE, _WAITING = "value_of_waiting", "waiting_usd_per_hour"
_CLOSER = 3
"""Where nobody names sizes: so many steps up to twice the mean demand, and so many times closer around the best."""


Tell = Callable[[str], None]


def play_history(
    book: Book, loaded: Loaded, policy: str, settings: Sequence[str], sizes: tuple[int, ...] | None, tell: Tell
) -> tuple[Book, Mapping[int, Played], dict[str, Any]]:
    """The book with what waiting is worth, what the history says at each size, and how it was played.

    Raises BadArgument.

    `settings` are of the policy and of the world, as `spillover backtest --set` takes them.
    """
    trace, given = loaded.trace, read_assignments(settings)
    choice = _choice(book, policy, given)
    if span_s(trace) <= 0:
        raise BadArgument(f"all jobs of {trace.source} were submitted at once: that is no history to own nodes for")
    outcomes: dict[int, Outcome] = {}

    def play_at(nodes: int) -> Played:
        from ..backtest.run import play  # numba takes its time, and is needed from here on

        tell(f"{trace.source}: {len(trace):,} jobs with {nodes} owned nodes")
        try:
            outcomes[nodes] = play(trace, world_at(book, nodes, given), choice.make())
        except ValueError as error:
            raise BadArgument(f"{trace.source} cannot be replayed: {error}") from None
        return played_from(outcomes[nodes])

    at = sizes or default_sizes(trace, book.gpus)
    book = valued(book, choice.make())
    played = sweep(book.inputs(), play_at, at, closer=0 if sizes else _CLOSER)
    return book, played, _about(trace, loaded.left_out, choice, outcomes)


def valued(book: Book, policy: Policy) -> Book:
    """With waiting at the value that the policy itself decides by, if it has one and nobody states another."""
    value = getattr(policy, _VALUE, None)
    figure = book.figures[_WAITING]
    if figure.basis == "stated" or not isinstance(value, int | float):
        return book
    same = replace(figure, low=value, value=value, high=value, basis="stated", source=f"{_VALUE} of the policy")
    return replace(book, figures={**book.figures, _WAITING: same})


def _choice(book: Book, policy: str, given: Assignments) -> Choice:
    """The policy with its settings, tried; what waiting is worth holds for it too. Raises BadArgument."""
    if policy not in policy_names():
        Choice(policy, {}).make()
    check_keys(given, [policy])
    own = {name: _one(name, values) for name, values in settings_of(policy, given).items()}
    waiting = book.figures[_WAITING]
    if waiting.basis == "stated" and waiting.value > 0 and any(s.name == _VALUE for s in policy_settings(policy)):
        own = {_VALUE: waiting.value, **own}
    choice = Choice(policy, own)
    choice.make()
    return choice


def parse_sizes(text: str) -> tuple[int, ...]:
    """`0:64:8`, both ends included, or `0,8,12`. Raises BadArgument."""
    try:
        if ":" in text:
            first, last, step = (int(number) for number in text.split(":"))
            sizes = tuple(range(first, last + 1, step))
        else:
            sizes = tuple(int(number) for number in text.split(","))
    except ValueError:
        sizes = ()
    if not sizes or min(sizes) < 0:
        raise BadArgument(f"--sizes {text} names no numbers of nodes; write FIRST:LAST:STEP, such as 0:64:8, or 0,8,12")
    return sizes


def default_sizes(trace: Columns, gpus_per_node: int) -> tuple[int, ...]:
    """From owning nothing to twice what the jobs keep busy on average."""
    step = max(1, math.ceil(2 * mean_demand(trace) / gpus_per_node / _STEPS))
    return tuple(step * at for at in range(_STEPS + 1))


def played_from(outcome: Outcome) -> Played:
    """A replay's outcome as the economics see it. Bills run on after the last submission, the load ends with it."""
    trace, series = outcome.trace, outcome.series
    within = series.at_s <= trace.submit_s[-1]
    waits = outcome.wait_s[outcome.where != LEFT]
    return Played(
        nodes=outcome.world.nodes,
        hours=span_s(trace) / 3600.0,
        jobs=len(trace),
        owned_gpu_hours=outcome.owned_gpu_h,
        rented_gpu_hours=outcome.total_cloud_gpu_h,
        compute_usd=outcome.total_cloud_usd - outcome.egress_usd,
        egress_usd=outcome.egress_usd,
        waited_hours=float(np.nansum(waits)) / 3600.0,
        rented_load=tuple(series.cloud_gpus[within].tolist()),
        on_demand_usd=outcome.world.on_demand_usd,
        egress_usd_per_gb=outcome.world.egress_usd_per_gb,
    )


def world_at(book: Book, nodes: int, given: Assignments) -> World:
    """A world with as many owned nodes, and the book's prices. Raises BadArgument for what cannot be set."""
    v = book.inputs()
    world = World(
        nodes=nodes,
        gpus_per_node=book.gpus,
        on_demand_usd=v.on_demand_usd,
        spot_usd=v.on_demand_usd * v.spot_share,
        cloud_sizes=book.sizes,
        egress_usd_per_gb=v.egress_usd_per_gb,
    )
    for name in ("nodes", "gpus_per_node"):
        if f"world.{name}" in given:
            raise BadArgument(f"--set world.{name}: that is what --sizes and --node are for")
    return world_with(world, given)


def _one(name: str, values: Sequence[object]) -> object:
    if len(values) != 1:
        raise BadArgument(f"--set {name} has {len(values)} values; one policy is played, with one of each")
    return values[0]


def _about(trace: Columns, left_out: Sequence[str], choice: Choice, outcomes: Mapping[int, Outcome]) -> dict[str, Any]:
    settings = ", ".join(f"{name}={value}" for name, value in choice.settings.items())
    missing = {nodes: int((o.where == LEFT).sum()) for nodes, o in sorted(outcomes.items())}
    never = [
        f"with {nodes} nodes, {jobs:,} jobs never ran, and cost nothing" for nodes, jobs in missing.items() if jobs
    ]
    return {
        "trace": trace.source,
        "sha256": trace.sha256,
        "jobs": len(trace),
        "days": span_s(trace) / 86400.0,
        "policy": choice.policy + (f" ({settings})" if settings else ""),
        "notes": [*left_out, *never],
    }
