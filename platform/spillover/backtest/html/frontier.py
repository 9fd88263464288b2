"""Dollars against wait: one mark a run, one line a policy, and below it what nobody can reach."""

from __future__ import annotations

from ...units import show_duration
from ..results import Results, Run
from .chart import Axis, Frame, both, figure, line, mark
from .choice import NEVER, NO_WAIT, Cast
from .figures import change, share, short_usd, usd
from .markup import Html, el, join
from .scale import durations, from_zero, show_tick

_ENDS = {NO_WAIT: "rent at once", NEVER: "never rent"}


def frontier(results: Results, cast: Cast) -> Html:
    """The plot and its legend."""
    names = [cast.legend(p, f"{p} ({_ENDS[p]})" if p in _ENDS else p) for p in cast.policies]
    names.append(
        el(
            "span",
            el("i", class_="swatch round"),
            "the run of the headline: the shortest wait with half of its policy's largest saving",
            class_="key",
        )
    )
    if results.bounds:
        names.append(
            el("span", el("i", class_="swatch bound"), "out of reach: below the clairvoyant bound", class_="key")
        )
    return figure(
        "What less waiting costs: a run that lies further down and to the left is better",
        both(lambda width: _plot(results, cast, width)),
        el("p", *names, class_="legend"),
    )


def _plot(results: Results, cast: Cast, width: float) -> Html:
    waits = [run.wait.mean_s for run in results.runs] + [b.wait_s for b in results.bounds]
    bills = [run.cloud_usd for run in results.runs] + [b.cloud_usd for b in results.bounds]
    frame = Frame(
        Axis(durations(waits), "mean wait of a job", show_tick),
        Axis(from_zero(bills), "cloud bill", short_usd),
        width,
        460 if width > 500 else 340,
    )
    marks = [mark for policy in reversed(cast.policies) for mark in _policy(results, cast, policy, frame)]
    x, y = frame.x(cast.lead.wait.mean_s), frame.y(cast.lead.cloud_usd)
    ring = el("circle", cx=x, cy=y, r=10, class_="ring")
    label = (
        f"Cloud bill against mean wait of {len(results.runs)} runs. {cast.lead.label}: {usd(cast.lead.cloud_usd)} "
        f"at {show_duration(cast.lead.wait.mean_s)}. All runs stand in the table below."
    )
    return frame.drawn(_bound(results, frame), ring, *marks, label=label)


def _policy(results: Results, cast: Cast, policy: str, frame: Frame) -> list[Html]:
    """Its line over the runs that none of its own beats, and a mark for every run."""
    front = results.frontier(policy)
    style = cast.style(policy)
    drawn = [line(frame, [r.wait.mean_s for r in front], [r.cloud_usd for r in front], style)] if len(front) > 1 else []
    for run in results.runs:
        if run.policy == policy:
            at = frame.x(run.wait.mean_s), frame.y(run.cloud_usd)
            drawn.append(mark(*at, cast.shape(policy), style, _tip(run)))
    return drawn


def _bound(results: Results, frame: Frame) -> Html:
    """The hatched ground below the bound."""
    if not results.bounds:
        return join(())
    xs = [b.wait_s for b in results.bounds]
    ys = [b.cloud_usd for b in results.bounds]
    tips = [f"no schedule at {show_duration(x)} spends less than {usd(y)}" for x, y in zip(xs, ys, strict=True)]
    low = frame.y(0.0)
    points = f"{frame.points(xs, ys)} {frame.x(xs[-1]):.1f},{low:.1f} {frame.x(xs[0]):.1f},{low:.1f}"
    return join((el("polygon", points=points, class_="area bound"), line(frame, xs, ys, "bound", tips)))


def _tip(run: Run) -> str:
    beside = f" ({change(run.vs_no_wait, 1.0)} beside renting at once)" if run.vs_no_wait is not None else ""
    return (
        f"{run.label}: {usd(run.cloud_usd)}{beside}, mean wait {show_duration(run.wait.mean_s)}, "
        f"{share(run.bursts / max(1, run.jobs))} of jobs rented"
    )
