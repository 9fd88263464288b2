"""What would have been otherwise, side by side. Pure functions: the answer in, something to print out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from .grid import Grid
from .text import age, dollars, plain

if TYPE_CHECKING:
    from ..backtest.results import Group as Jobs
    from ..backtest.results import Run
    from ..backtest.what_if import Answer


def answer_table(answer: Answer, now: float) -> RenderableType:  # noqa: ARG001  # all tables are called alike
    """Both replays and their difference, then team by team, then what it rests on."""
    live, changed = answer.live, answer.changed
    head = (
        f"{answer.trace.jobs:,} jobs in {age(answer.trace.span_s)}, replayed as {plain(live.label)} and as "
        f"{plain(changed.label)}"
    )
    parts: list[RenderableType] = [Text(head, style="dim"), _figures(live, changed), Text("\nBy team", style="bold")]
    return Group(*parts, _teams(live, changed), Text("\n".join(_foot(answer)), style="dim"))


def _figures(live: Run, changed: Run) -> Grid:
    grid = Grid("", ">NOW", ">WHAT IF", ">CHANGE")
    for name, low, high in (
        ("cloud", live.cloud_usd, changed.cloud_usd),
        ("on-prem", live.owned_usd, changed.owned_usd),
        ("total", live.total_usd, changed.total_usd),
    ):
        grid.add(name, dollars(low), dollars(high), _more(high - low, dollars(abs(high - low))))
    for name, low, high in (
        ("mean wait", live.wait.mean_s, changed.wait.mean_s),
        ("wait of 9 in 10", live.wait.p90_s, changed.wait.p90_s),
        ("mean JCT", live.jct.mean_s, changed.jct.mean_s),
    ):
        grid.add(name, age(low), age(high), _more(high - low, age(abs(high - low))))
    for name, few, many in (
        ("jobs that burst", live.bursts, changed.bursts),
        ("moves", live.moves, changed.moves),
        ("deadlines missed", live.misses, changed.misses),
        ("never ran", live.unplaced, changed.unplaced),
    ):
        grid.add(name, f"{few:,}", f"{many:,}", _more(many - few, f"{abs(many - few):,}"))
    return grid


def _teams(live: Run, changed: Run) -> Grid:
    grid = Grid("TEAM", ">JOBS", ">WAIT NOW", ">WHAT IF", ">CHANGE", ">CLOUD NOW", ">WHAT IF ", ">CHANGE ")
    for before, after in _both(live, changed):
        waited, spent = after.wait.mean_s - before.wait.mean_s, after.cloud_usd - before.cloud_usd
        grid.add(
            plain(before.name),
            f"{before.jobs:,}",
            age(before.wait.mean_s),
            age(after.wait.mean_s),
            _more(waited, age(abs(waited))),
            dollars(before.cloud_usd),
            dollars(after.cloud_usd),
            _more(spent, dollars(abs(spent))),
        )
    return grid


def _both(live: Run, changed: Run) -> Iterator[tuple[Jobs, Jobs]]:
    """Each team in both runs: they have the same jobs."""
    yield from zip(live.by_team, changed.by_team, strict=True)


def _more(difference: float, text: str) -> str:
    if not difference:
        return "same"
    return ("+" if difference > 0 else "-") + text


def _foot(answer: Answer) -> Iterator[str]:
    waited, spent = answer.happened
    yield (
        f"As it really went: a mean wait of {age(waited)}, and {dollars(spent)} booked on jobs that ran rented. "
        "Compare it with NOW to see how near a replay comes."
    )
    yield from (f"{note[:1].upper()}{note[1:]}." for note in answer.notes)
