"""What to own for one history, as tables. Pure functions: a study in, something to print out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Group, RenderableType

from ..tco.curve import Point
from ..tco.study import HistoryStudy, Study
from .grid import Grid
from .tco_tables import dim, heading, money, spread_cells, tornado_table
from .text import age, dollars


def history_table(study: Study, history: HistoryStudy, about: Mapping[str, Any]) -> RenderableType:
    """The curve, the ways, what being wrong costs, how sure it is, and what matters."""
    return Group(*_history(study, history, about))


def _history(study: Study, history: HistoryStudy, about: Mapping[str, Any]) -> Iterable[RenderableType]:
    best = history.curve.best
    yield heading(f"\nHow many nodes to own for {about['trace']}: {best.nodes}")
    value = study.book.inputs().waiting_usd_per_hour
    yield _curve(history, value)
    yield dim(_played(about, value))
    yield heading("\nThe same work, paid for otherwise")
    yield _ways(history)
    if not history.ways.peak_reached:
        yield dim(f"No size played holds the peak: {history.ways.for_peak.nodes} nodes, the most, stand for it.")
    yield heading(f"\nWhat it costs a year not to own {best.nodes}, and how sure that number is")
    yield _wrong(history)
    yield _sure(history)
    yield heading("\nWhat moves the total of a year most")
    yield tornado_table(history.tornado, study.book, money)


def _curve(history: HistoryStudy, value: float) -> RenderableType:
    plans = [f"BASE {str(c.plan)[:6].upper()}" for c in history.curve.points[0].committed]
    waiting = [">WAITING"] if value else []
    table = Grid(
        *(">NODES", "", ">USED", ">MEAN WAIT", ">OWNED", ">RENTED", *waiting, ">TOTAL"),
        *(f">{name}" for name in plans),
        drop=plans,
    )
    for point in history.curve.points:
        marked = point is history.curve.best
        sums = (point.owned_usd, point.rented_usd, *([point.waiting_usd] if value else []), point.total_usd)
        committed = (c.total_usd for c in point.committed)
        table.add(
            *(str(point.nodes), "◀" if marked else "", _used(point), age(point.mean_wait_h * 3600)),
            *map(money, (*sums, *committed)),
            style="bold" if marked else "",
        )
    return table


def _used(point: Point) -> str:
    return f"{point.utilisation:.0%}" if point.nodes else "-"


def _played(about: Mapping[str, Any], value: float) -> str:
    said = (
        f"Dollars a year that goes on like these {about['days']:.0f} days: {about['jobs']:,} jobs, replayed at each\n"
        f"size by the code that decides live, policy {about['policy']}.\n"
        "BASE: the total if the best base of what is rented is committed for one year or three."
    )
    worth = (
        f"An hour of a job's waiting counts as {dollars(value)}: --set waiting_usd_per_hour sets it, 0 for not at all."
    )
    return "\n".join([said, worth if value else "Waits are not in the total.", *about["notes"]])


def _ways(history: HistoryStudy) -> RenderableType:
    table = Grid("", ">NODES", ">COMMITTED GPUS", ">A YEAR", ">MORE")
    least = history.ways.table[0].total_usd
    for way in history.ways.table:
        more = f"+{way.total_usd / least - 1:.0%}" if way.total_usd > least else ""
        table.add(way.label, str(way.nodes), f"{way.committed_gpus:,.0f}", money(way.total_usd), more)
    return table


def _wrong(history: HistoryStudy) -> RenderableType:
    table = Grid(">NODES OFF", ">OWNED", ">MORE A YEAR", ">OF THE TOTAL")
    for wrong in history.wrong_by:
        nodes = history.curve.best.nodes + wrong.nodes
        table.add(f"{wrong.nodes:+d}", str(nodes), money(wrong.extra_usd), f"{wrong.share:.1%}")
    return table


def _sure(history: HistoryStudy) -> RenderableType:
    found = history.chances
    table = Grid("", ">MEAN", ">P10", ">MEDIAN", ">P90")
    table.add("the cheapest number of nodes", *spread_cells(found.best_nodes, lambda n: f"{n:.0f}"))
    table.add(f"a year with {found.nodes} nodes", *spread_cells(found.total_usd, money))
    table.add("what the best size would save", *spread_cells(found.regret_usd, money))
    return Group(
        table, dim("Of the sizes played. Jobs run where they ran in the replays; prices change the bill alone.")
    )
