"""The command line. Entry point: `spillover.cli.main:app`."""

from __future__ import annotations

from typing import Annotated

import typer

from .. import __version__
from .applications import applications
from .backtest import backtest
from .check import check
from .cost import cost
from .demo import demo
from .events import events
from .explain import explain
from .fence import fence
from .fold import fold
from .hosts import drain, hosts, repair, undrain
from .init import init
from .key import key
from .leaks import leaks
from .pools import pools
from .prices import prices
from .queue import queue
from .quote import quote
from .shadow import shadow
from .tco import tco
from .token import token
from .up import up
from .usage import usage
from .what_if import what_if

app = typer.Typer(
    name="spillover",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="One queue in front of every Ray cluster that a team owns or rents. "
    "Submit with `ray job submit`; ask here why a job waits and what it costs.",
)

_COMMANDS = (
    *(init, check, up, demo, queue, quote, explain, pools, cost, shadow, usage, events, fold, fence, leaks),
    *(backtest, what_if, tco),
    *(hosts, repair, drain, undrain),
)
for _command in _COMMANDS:
    app.command()(_command)
app.add_typer(applications)
app.add_typer(key)
app.add_typer(token)
app.add_typer(prices)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"spillover {__version__}")
        raise typer.Exit


@app.callback()
def _spillover(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Options of the whole program; its help is the app's."""
