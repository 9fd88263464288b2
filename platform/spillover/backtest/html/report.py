"""The report as one HTML file: what a manager reads first stands first."""

from __future__ import annotations

from pathlib import Path

from ..results import Results
from .assumed import assumed
from .choice import cast
from .conduct import conduct
from .frontier import frontier
from .gains import gains
from .headline import headline
from .markup import el
from .over_time import over_time
from .runs import runs
from .sensitivity import sensitivity
from .shell import document, section
from .waits import waits


def write_report(results: Results, path: Path) -> None:
    """Write the page; the folder must be there. Raises ValueError if there is no run to report."""
    path.write_text(page(results), encoding="utf-8")


def page(results: Results) -> str:
    """The whole page. The same results give the same text. Raises ValueError if there is no run to report."""
    if not results.runs:
        raise ValueError("the backtest has no run; give a policy, as in: spillover backtest TRACE --policy marginal")
    players = cast(results)
    return document(
        f"Backtest of {results.trace.source}",
        results.trace.source,
        "Spillover backtest",
        el("section", headline(results, players)),
        section("Dollars against wait", frontier(results, players)),
        section("All runs", runs(results, players)),
        section("Over time", over_time(results, players)),
        section("Who waits how long", waits(players)),
        section("Who gained and who lost", gains(players)),
        section("At other prices", sensitivity(results, players)),
        section("Moves, interruptions, deadlines, forecasts", conduct(results, players)),
        section("What was assumed, and how to do it again", assumed(results)),
    )
