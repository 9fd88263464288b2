"""`spillover tco`: what owning and renting cost, and how much to own."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import BadArgument
from . import backtest_options as opt
from .backtest_inputs import TraceAsked
from .output import draw, failures, say

if TYPE_CHECKING:
    from ..tco.figures import Book
    from ..tco.history import Played
    from ..tco.study import Study

Node = Annotated[str, typer.Option("--node", metavar="TYPE", help="The node type: h100x8, a100x8 or l40sx8.")]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        show_default=False,
        help="An input, `pue=1.2` or, as LOW:VALUE:HIGH, `pue=1.1:1.2:1.4`; with a history also "
        "`policy.value_of_waiting=5` and `world.startup_s=60`. May be repeated.",
    ),
]
Inputs = Annotated[bool, typer.Option("--inputs", help="Show every input with its range and its source.")]
Trace = Annotated[
    Path | None,
    typer.Option(
        "--trace",
        metavar="FILE",
        show_default=False,
        help=f"A history: how many nodes to own for it. {opt.FORMATS}.",
    ),
]
Sizes = Annotated[
    str | None,
    typer.Option(
        "--sizes",
        metavar="FIRST:LAST:STEP",
        show_default=False,
        help="The numbers of owned nodes that it is replayed with, or a list, `0,8,12`. "
        "Else from none to twice the mean demand, and closer around the best.",
    ),
]
PolicyName = Annotated[str, typer.Option("--policy", "-p", metavar="NAME", help="When to rent in the replays.")]
Draws = Annotated[int, typer.Option("--draws", min=100, max=1_000_000, metavar="N", help="Monte Carlo draws.")]
AllJson = Annotated[bool, typer.Option("--json", help="Print all of it as JSON.")]


@dataclass(frozen=True)
class _Told:
    """How it is told."""

    seed: int
    draws: int
    report: Path | None
    as_json: bool


def tco(
    node: Node = "h100x8",
    settings: Set = None,
    inputs: Inputs = False,
    trace: Trace = None,
    from_store: opt.FromStore = False,
    format_name: opt.FormatName = None,
    sizes: Sizes = None,
    policy: PolicyName = "marginal",
    movable: opt.Movable = None,
    last: opt.Last = None,
    window: opt.Window = None,
    draws: Draws = 10_000,
    seed: opt.Seed = 1,
    report: opt.Report = None,
    config: opt.Config = None,
    as_json: AllJson = False,
) -> None:
    """Show what owning GPU nodes and renting them cost, where they break even, and how sure that is.

    With a history, also how many nodes to own for it: it is replayed at many sizes by the code that decides live.
    """
    with failures():
        from ..tco.figures import load_book

        others = [setting for setting in settings or () if "." in setting.partition("=")[0]]
        book = load_book(node).stating(setting for setting in settings or () if setting not in others)
        told = _Told(seed, draws, report, as_json)
        if inputs:
            _show_inputs(book, as_json)
        elif trace or from_store:
            read = TraceAsked(trace, from_store, format_name, None, movable, seed, None, last, window)
            book, played, about = _history(book, read, config, policy, others, sizes)
            _show(book, played, about, told)
        else:
            _refuse({"--set " + "".join(others[:1]): others, "--sizes": sizes, "--last": last, "--window": window})
            _show(book, None, {}, told)


def _refuse(given: Mapping[str, object]) -> None:
    """Raises BadArgument for what is of a history where there is none."""
    for name, value in given.items():
        if value:
            raise BadArgument(f"{name} is of a history; say which: --trace FILE, or --from-store for what ran here")


def _show_inputs(book: Book, as_json: bool) -> None:
    from .tco_tables import inputs_table

    if as_json:
        print(json.dumps([asdict(figure) for figure in book.figures.values()], indent=1))
        return
    draw(book, lambda book, _now: inputs_table(book))


def _history(
    book: Book, read: TraceAsked, config: Path | None, policy: str, settings: list[str], sizes: str | None
) -> tuple[Book, Mapping[int, Played], dict[str, Any]]:
    from .backtest_inputs import load_trace, settings_at
    from .tco_history import parse_sizes, play_history

    at = parse_sizes(sizes) if sizes else None
    loaded = load_trace(read, settings_at(config) if read.from_store else None)
    with _progress() as tell:
        return play_history(book, loaded, policy, settings, at, tell)


def _show(book: Book, played: Mapping[int, Played] | None, about: dict[str, Any], told: _Told) -> None:
    from ..tco.study import study

    found = study(book, seed=told.seed, draws=told.draws, played=played)
    if told.report is not None:
        from .tco_html import page

        _write(told.report, page(found, about))
    if told.as_json:
        from .tco_record import record

        print(json.dumps(record(found, about), indent=1, allow_nan=False))
    else:
        _tables(found, about)


def _tables(found: Study, about: dict[str, Any]) -> None:
    from .tco_history_tables import history_table
    from .tco_tables import study_table

    draw(found, lambda found, _now: study_table(found))
    if history := found.history:
        draw(history, lambda history, _now: history_table(found, history, about))


def _write(report: Path, text: str) -> None:
    try:
        report.parent.mkdir(parents=True, exist_ok=True)
        report.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadArgument(f"--report {report} cannot be written: {error.strerror}") from None
    say(f"The report is in {report}.")


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """How far it is, on a terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console

    with Console(stderr=True).status("reading") as status:
        yield status.update
