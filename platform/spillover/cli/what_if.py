"""`spillover what-if`: what another setting would have changed for the jobs that ran here."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import BadArgument
from . import backtest_options as opt
from .backtest_inputs import SETTINGS, settings_at
from .output import draw, failures

if TYPE_CHECKING:
    from ..backtest.what_if import Answer
    from ..config import Settings


def what_if(
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            show_default=False,
            help="What would be otherwise: `policy.value_of_waiting=5`, or of the pools, `world.nodes=12`.",
        ),
    ] = None,
    policy: Annotated[
        str | None,
        typer.Option("--policy", metavar="NAME", show_default=False, help="Another policy than the live one."),
    ] = None,
    last: Annotated[str, typer.Option("--last", metavar="TIME", help="Of which jobs: those that ended since.")] = "30d",
    movable: opt.Movable = None,
    seed: opt.Seed = 1,
    config: opt.Config = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print both runs as JSON.")] = False,
) -> None:
    """Replay the jobs that ran here under the live settings and under changed ones: dollars, waits, and whose.

    It reads the history of the settings; the server need not run. Both sides are replays, so what a replay leaves out
    is left out of both.
    """
    with failures():
        settings = settings_at(config)
        if settings is None:
            raise BadArgument(f"what-if replays the history of the settings: there is no {SETTINGS} here; say -c FILE")
        if not changes and not policy:
            raise BadArgument("what if what? Say --set policy.KEY=VALUE, --set world.KEY=VALUE, or --policy NAME")
        answer = _answer(settings, changes or [], policy, last, movable, seed)
        if as_json:
            print(json.dumps(answer.as_json(), indent=1))
        else:
            from .what_if_tables import answer_table

            draw(answer, answer_table)


def _answer(
    settings: Settings, changes: list[str], policy: str | None, last: str, movable: float | None, seed: int
) -> Answer:
    from ..backtest.assignments import read_assignments
    from ..backtest.readers import Reading
    from ..backtest.what_if import answer
    from ..bootstrap.backtesting import live_setup, load_history

    history = load_history(settings, Reading(movable=movable, seed=seed), time.time() - _seconds(last))
    live = live_setup(settings, history.loaded.count)
    return answer(
        history.loaded,
        live.world,
        (live.policy, live.policy_settings),
        policy or live.policy,
        read_assignments(changes),
        exact=history.exact,
        notes=live.notes,
        happened=(history.mean_wait_s, history.rented_usd),
    )


def _seconds(text: str) -> float:
    from ..units import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise BadArgument(f"--last '{text}' {error}") from None
