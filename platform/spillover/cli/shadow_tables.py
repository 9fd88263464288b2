"""What `spillover shadow` shows. Pure functions, as in tables.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from .grid import Grid
from .text import NOTHING, age, clock, dollars, plain

Row = Mapping[str, Any]

_WOULD = {
    "rents": "rent, and it waited",
    "sooner": "rent sooner",
    "elsewhere": "rent elsewhere",
    "keeps": "wait, and it was rented for",
}


def shadow_view(report: Row, now: float) -> RenderableType:  # noqa: ARG001  # all tables are called alike
    """The sentence, then what it comes to by day, then the newest jobs."""
    parts: list[RenderableType] = [
        Text(plain(report["sentence"]), style="bold"),
        Text(f"decides: {plain(report['live'])}\nin its shadow: {plain(report['policy'])}"),
        Text(_about(report), style="dim"),
    ]
    if report.get("days"):
        parts += [Text(), _days(report["days"])]
    if report.get("newest"):
        parts += [Text("\nThe newest", style="bold"), _jobs(report["newest"])]
    return Group(*parts)


def shadow_line(job: Row) -> str:
    """What the shadow policy would have done with a job, for `spillover explain`."""
    would, sentence = plain(_WOULD.get(job["kind"], job["kind"])), plain(job.get("sentence"))
    return f"would {would}: {more(job['usd'], dollars)}, {more(job.get('wait_s'), age)} wait; {sentence}"


def more(amount: float | None, shown: Any) -> str:
    """`+$1.20`, `-3m12s`: a difference with its sign."""
    if amount is None:
        return NOTHING
    return f"{'-' if amount < 0 else '+'}{shown(abs(amount))}"


def _about(report: Row) -> str:
    lines = [f"{report['started']} jobs have started since {clock(report['since'])}."]
    if report.get("unknown"):
        lines.append(f"For {report['unknown']} of the differences no start was in sight: their wait is not counted.")
    return "\n".join([*lines, "It is asked about the world as the policy that decides has made it, and never acts."])


def _days(days: Sequence[Row]) -> RenderableType:
    table = Grid("DAY", "WOULD", ">JOBS", ">DOLLARS", ">WAIT")
    for row in days:
        would, usd, wait = _WOULD.get(row["kind"], row["kind"]), more(row["usd"], dollars), more(row["wait_s"], age)
        table.add(plain(row["day"]), plain(would), plain(row["jobs"]), usd, wait)
    return table


def _jobs(jobs: Sequence[Row]) -> RenderableType:
    table = Grid("JOB", "WHEN", "WOULD", ">DOLLARS", ">WAIT", "WHY", drop=("WHEN", "WAIT"))
    for job in jobs:
        would, usd, wait = _WOULD.get(job["kind"], job["kind"]), more(job["usd"], dollars), more(job.get("wait_s"), age)
        table.add(plain(job["submission_id"]), clock(job["at"]), plain(would), usd, wait, plain(job.get("sentence")))
    return table
