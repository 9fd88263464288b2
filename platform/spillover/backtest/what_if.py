"""The same jobs under the live settings and under changed ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ..errors import BadArgument
from .assignments import Assignments, check_keys, settings_of, world_with
from .counterfactual import MOST_JOBS
from .exact import Player, has_rule
from .perform import trace_facts
from .readers import Loaded
from .results import Run, TraceFacts, plain
from .sweep import Choice
from .workers import Task, run_one
from .world import World

Exact = Callable[[], tuple[Loaded, Player]]
"""The newest jobs of the history, as many as are worth it, and how they are played job by job."""


@dataclass(frozen=True)
class Answer:
    """Both runs. `happened`: as it really went, the mean wait (s) and the US dollars booked on jobs that ran rented."""

    trace: TraceFacts
    live: Run
    changed: Run
    happened: tuple[float, float]
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return plain(asdict(self))  # type: ignore[no-any-return]  # a dict of plain values


def answer(
    loaded: Loaded,
    world: World,
    live: tuple[str, Mapping[str, object]],
    policy: str,
    changes: Assignments,
    *,
    exact: Exact,
    notes: tuple[str, ...] = (),
    happened: tuple[float, float] = (0.0, 0.0),
) -> Answer:
    """Replay both. Another policy starts from its own defaults, the live one from its live settings.

    Where one of them has no rule of plain numbers, both are played job by job by what `exact` gives. Raises
    BadArgument.
    """
    check_keys(changes, [policy])
    several = [key for key, values in changes.items() if len(values) != 1]
    if several:
        raise BadArgument(f"--set {several[0]} has several values; one change at a time, or `spillover backtest`")
    name, settings = live
    new = {key: values[0] for key, values in settings_of(policy, changes).items()}
    as_is = Task(Choice(name, settings), world)
    otherwise = Task(Choice(policy, {**(settings if policy == name else {}), **new}), world_with(world, changes))
    play: Player | None = None
    if not all(has_rule(task.choice.make()) for task in (as_is, otherwise)):
        if otherwise.world != world:
            raise BadArgument(
                f"--set world.KEY changes nothing for '{name}': it is played job by job, on the pools of the settings"
            )
        loaded, play = exact()
        notes = (*notes, f"played job by job: the newest {len(loaded.trace):,} jobs, of at most {MOST_JOBS}")
    runs = [run_one(loaded.trace, task, (0, 0), play) for task in (as_is, otherwise)]
    return Answer(trace_facts(loaded, world), runs[0], runs[1], happened, (*loaded.left_out, *notes))
