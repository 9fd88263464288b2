"""The bill as tables and as CSV. Pure functions: the API's answer in, something to print out."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from .grid import Grid
from .text import age, clock, dollars, plain

Row = Mapping[str, Any]


def cost_table(cost: Row, now: float) -> RenderableType:  # noqa: ARG001  # all tables are called alike
    """What was spent, by the columns that were asked for, with the sum below; then how else it could have gone."""
    by = _columns(cost)
    table = Grid(*(c.upper() for c in by), ">NODE TIME", ">COST")
    for row in cost["rows"]:
        table.add(*(plain(row.get(c)) for c in by), age(row.get("node_seconds")), dollars(row.get("usd")))
    total_s = sum(row.get("node_seconds") or 0.0 for row in cost["rows"])
    table.add("total", *[""] * (len(by) - 1), age(total_s), dollars(cost["total_usd"]), style="bold")
    parts: list[RenderableType] = [table, Text(_about(cost), style="dim")]
    if cost.get("compared") is not None:
        parts += [ways_table(cost["compared"]), Text("\n".join(_caveats(cost)), style="dim")]
    return Group(*parts)


def _columns(cost: Row) -> list[str]:
    """What was asked for, and whose cost it is, which the API always says."""
    return list(dict.fromkeys([*cost["by"], "kind"]))


def _about(cost: Row) -> str:
    """What the sum is compared with, and of what time it is."""
    since, until, nodes = cost.get("since"), cost.get("until"), cost.get("node_total_usd")
    days = f" from {since}" * bool(since) + f" until before {until}" * bool(until)
    when = f"{days} (days in UTC)" if days else f" until {clock(cost.get('as_of'))}"
    if nodes is None:
        return f"Only what jobs of team {plain(cost.get('team'))} cost{when}."
    return f"All nodes together cost {dollars(nodes)}{when}."


def ways_table(rows: Sequence[Row]) -> RenderableType:
    """The ways in which the same jobs could have gone, one below the other, what happened first."""
    columns = (">SPEND", ">ON-PREM", ">CLOUD", ">BURST JOBS", ">MEAN WAIT", ">MEAN JCT", ">MAKESPAN")
    table = Grid("", *columns)
    for number, row in enumerate(rows):
        table.add(
            plain(row["label"]),
            *(dollars(row[name]) for name in ("total_usd", "baseline_usd", "cloud_usd")),
            f"{row['burst_jobs']} of {row['jobs']}",
            *(age(row[name]) for name in ("mean_wait_s", "mean_jct_s", "makespan_s")),
            style="" if number else "bold",
        )
    return Group(Text("\nThe same jobs, otherwise", style="bold"), table)


def _caveats(cost: Row) -> Iterable[str]:
    yield "The replays go through the placement code that runs live, with the run times that the jobs really had."
    yield "Owned pools are paid for with all of their nodes, from the first submit to the last end."
    yield "'always cloud' owns nothing, rents a node for every job at once, and takes every team's work."
    yield from unplaced(cost["compared"])
    if left_out := cost.get("left_out"):
        yield f"Left out: {left_out} jobs that never ran, have not ended, or are older than the newest ones compared."


def unplaced(rows: Sequence[Row]) -> list[str]:
    """Ways in which not all jobs could have run: these are cheap for nothing."""
    return [f"'{row['label']}' leaves {row['unplaced']} jobs without a place." for row in rows if row["unplaced"]]


def cost_csv(cost: Row) -> str:
    """The rows with a header: the columns, `kind`, `node_seconds`, and `usd` to the nanodollar."""
    by = _columns(cost)
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow([*by, "node_seconds", "usd"])
    for row in cost["rows"]:
        cells = ["" if row.get(name) is None else row[name] for name in by]
        out.writerow([*cells, row["node_seconds"], f"{row['usd']:.9f}"])
    return text.getvalue()
