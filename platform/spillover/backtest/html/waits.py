"""How waits are spread over jobs."""

from __future__ import annotations

from collections.abc import Sequence

from ...units import show_duration
from ..results import Run
from .chart import Axis, Frame, both, figure, line
from .choice import Cast
from .figures import share
from .markup import Html, el, join, table
from .scale import Scale, durations, show_tick

_SHOWN = (50, 75, 90, 95, 99, 100)
_WHOLE = Scale(0.0, 1.0, (0.0, 0.25, 0.5, 0.75, 1.0))


def waits(cast: Cast) -> Html:
    """The share of jobs under each wait, and the same in figures."""
    shown = [run for run in cast.leads if run.wait_at]
    if not shown:
        return el("p", "No job was counted.")
    names = [cast.line(run.policy, run.label) for run in shown]
    title = f"{share(at_once(cast.lead))} of the jobs do not wait a second under {cast.lead.label}"
    drawn = both(lambda width: _plot(cast, shown, width))
    head = ("run", "start at once", *(f"{part}% under" if part < 100 else "longest" for part in _SHOWN))
    rows = [
        (cast.key(run), share(at_once(run)), *(show_duration(_under(run, part)) for part in _SHOWN)) for run in shown
    ]
    return join(
        (
            figure(title, drawn, el("p", *names, class_="legend")),
            table(head, rows, "Waits, by the share of jobs under them"),
        )
    )


def at_once(run: Run) -> float:
    """The share of jobs that wait less than a second."""
    under = sum(wait < 1.0 for wait in run.wait_at)
    return max(0, under - 1) / max(1, len(run.wait_at) - 1)


def _under(run: Run, percent: int) -> float:
    return run.wait_at[round(percent / 100 * (len(run.wait_at) - 1))]


def _plot(cast: Cast, shown: Sequence[Run], width: float) -> Html:
    frame = Frame(
        Axis(durations([v for run in shown for v in run.wait_at if v >= 1.0]), "wait of a job", show_tick),
        Axis(_WHOLE, "share of jobs that wait no longer", share),
        width,
        340,
    )
    lines = [line(frame, _seconds(run), _shares(run), cast.style(run.policy), _tips(run)) for run in reversed(shown)]
    said = "; ".join(f"{run.label}: 9 in 10 under {show_duration(run.wait.p90_s)}" for run in shown)
    return frame.drawn(*lines, label=f"Share of jobs by wait. {said}.")


def _seconds(run: Run) -> list[float]:
    return [0.0 if wait < 1.0 else wait for wait in run.wait_at]


def _shares(run: Run) -> list[float]:
    steps = max(1, len(run.wait_at) - 1)
    return [k / steps for k in range(len(run.wait_at))]


def _tips(run: Run) -> list[str]:
    pairs = zip(_shares(run), run.wait_at, strict=True)
    return [f"{run.policy}: {share(part)} of jobs under {show_duration(wait)}" for part, wait in pairs]
