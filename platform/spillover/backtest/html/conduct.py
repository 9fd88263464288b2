"""How the runs behaved: moves, interruptions, deadlines, the hard budget, and how good the forecasts were."""

from __future__ import annotations

import math

from ..results import Results, Run
from .chart import Axis, Frame, figure, mark, rule
from .choice import Cast
from .figures import NONE, count, share, usd
from .markup import Html, el, join, table
from .scale import Scale

PROMISED = 0.8

_WHOLE = Scale(0.0, 1.0, (0.0, 0.2, 0.4, 0.6, 0.8, 1.0))
_QUARTERS = ("first", "second", "third", "last")


def conduct(results: Results, cast: Cast) -> Html:
    """The table of what happened to jobs, then the forecasts."""
    budget = results.world.budget_usd
    head = ("run", "moves", "jobs on both sides", "spot interruptions", "deadlines missed", "not ended", "hard budget")
    rows = [(cast.key(run), *_counts(run), _kept(run, budget), _told(run)) for run in results.runs]
    return join((table((*head, "forecasts held"), rows, _caption(budget)), _calibration(cast)))


def _counts(run: Run) -> tuple[str, ...]:
    return tuple(count(n) for n in (run.moves, run.on_both, run.interruptions, run.misses, run.unplaced))


def _kept(run: Run, budget: float) -> str:
    if not math.isfinite(budget):
        return NONE
    used = share(run.cloud_usd / budget) if budget else usd(run.cloud_usd)
    return f"{'kept' if run.cloud_usd <= budget else 'EXCEEDED'}: {used}"


def _told(run: Run) -> str:
    return NONE if run.coverage_80 is None else share(run.coverage_80)


def _caption(budget: float) -> str:
    limit = f"The hard budget is {usd(budget)}" if math.isfinite(budget) else "There was no hard budget"
    return f"{limit}. Forecasts held: the share of jobs that ran as long as the 80% interval at their submission said."


def _calibration(cast: Cast) -> Html | None:
    """One mark a quarter and policy: on the line is where they belong."""
    told = [run for run in cast.leads if run.coverage_by_quarter]
    if not told:
        return None
    frame = Frame(
        Axis(Scale(0.0, 4.0, (0.5, 1.5, 2.5, 3.5)), "quarter of the jobs, by submission", lambda k: _QUARTERS[int(k)]),
        Axis(_WHOLE, "share of jobs within their 80% interval", share),
        height=260,
    )
    marks = [
        mark(
            frame.x(quarter + (place + 1) / (len(told) + 1)),
            frame.y(held),
            cast.shape(run.policy),
            cast.style(run.policy),
            f"{run.policy}, {_QUARTERS[quarter]} quarter: {share(held)}",
        )
        for place, run in enumerate(told)
        for quarter, held in enumerate(run.coverage_by_quarter)
    ]
    said = "; ".join(f"{run.policy} {', '.join(share(held) for held in run.coverage_by_quarter)}" for run in told)
    drawn = frame.drawn(rule(frame, PROMISED), *marks, label=f"Share within the interval by quarter: {said}")
    names = [cast.legend(run.policy, run.policy) for run in told]
    return figure(_held(told[0]), drawn, el("p", *names, class_="legend"), class_="half")


def _held(run: Run) -> str:
    off = max(abs(held - PROMISED) for held in run.coverage_by_quarter)
    return (
        f"Forecasts of run times are off by at most {100 * off:.0f} points of 80% in every quarter under {run.policy}"
    )
