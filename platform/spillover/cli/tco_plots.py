"""Drawings of the economics: lines of cost, bars of what matters, histograms of what is uncertain."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from ..backtest.html.chart import Axis, Frame, line, mark
from ..backtest.html.figures import short_usd, usd
from ..backtest.html.markup import Html, el, join
from ..backtest.html.scale import Scale, from_zero
from ..tco.chances import Spread
from ..tco.cost import Cost
from ..tco.curve import Curve
from ..tco.inputs import Inputs
from ..tco.owned import owned_cost
from ..tco.rented import Plan, rented_cost
from ..tco.tornado import Swing
from .tco_record import histogram

STYLES = ("p0", "p1", "p2", "p3", "p4", "p5")
_LOWEST, _FINE = 0.1, 91
_ROW = 40
_ROWS = 12


def by_utilisation(v: Inputs, width: float) -> Html:
    """A GPU-hour of work against utilisation: owned, and each way to rent."""
    uses = [_LOWEST + (1 - _LOWEST) * k / (_FINE - 1) for k in range(_FINE)]
    gpus = v.nodes * v.gpus
    costs: list[tuple[str, Cost]] = [("owned", owned_cost(v)), *((str(p), rented_cost(v, p)) for p in Plan)]
    lines = [[cost.usd_per_gpu_hour(gpus, u) for u in uses] for _, cost in costs]
    top = 2.5 * max(lines[0][-1], lines[1][-1])
    frame = Frame(
        Axis(Scale(0.0, 1.03, (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)), "utilisation", lambda u: f"{u:.0%}"),
        Axis(from_zero([top]), "a GPU-hour of work", short_usd),
        width,
        320,
    )
    drawn = [
        line(
            frame, *_below(uses, ys, top), STYLES[at], [f"{name} at {u:.0%}: {usd(y)}" for u, y in _cut(uses, ys, top)]
        )
        for at, ((name, _), ys) in enumerate(zip(costs, lines, strict=True))
    ]
    label = f"Cost of a GPU-hour against utilisation: owned {usd(lines[0][-1])} at 100%, on demand {usd(lines[1][-1])}."
    return frame.drawn(*drawn, label=label)


def _cut(xs: Sequence[float], ys: Sequence[float], top: float) -> list[tuple[float, float]]:
    return [(x, y) for x, y in zip(xs, ys, strict=True) if y <= top]


def _below(xs: Sequence[float], ys: Sequence[float], top: float) -> tuple[list[float], list[float]]:
    """The part of a line that the drawing has room for."""
    kept = _cut(xs, ys, top)
    return [x for x, _ in kept], [y for _, y in kept]


def cost_curve(curve: Curve, width: float) -> Html:
    """A year's total against the number of owned nodes, what it is made of, and with a base committed."""
    nodes = [float(p.nodes) for p in curve.points]
    lines = curve_lines(curve)
    frame = Frame(
        Axis(from_zero(nodes), "owned nodes", lambda n: f"{n:g}"),
        Axis(from_zero([y for ys in lines.values() for y in ys]), "dollars a year", short_usd),
        width,
        360,
    )
    drawn = [
        line(
            frame, nodes, ys, STYLES[at], [f"{name} with {n:g} nodes: {usd(y)}" for n, y in zip(nodes, ys, strict=True)]
        )
        for at, (name, ys) in enumerate(lines.items())
    ]
    best = curve.best
    x, y = frame.x(best.nodes), frame.y(best.total_usd)
    marks = [el("circle", cx=x, cy=y, r=10, class_="ring"), mark(x, y, 0, STYLES[0], _best_tip(curve))]
    return frame.drawn(*drawn, *marks, label=f"Total cost a year against owned nodes; {_best_tip(curve)}.")


def curve_lines(curve: Curve) -> dict[str, list[float]]:
    """What is drawn against the number of nodes, by name."""
    points = curve.points
    lines = {
        "total": [p.total_usd for p in points],
        "rented": [p.rented_usd for p in points],
        "owned": [p.owned_usd for p in points],
    }
    if any(p.waiting_usd for p in points):
        lines["waiting"] = [p.waiting_usd for p in points]
    for at, committed in enumerate(points[0].committed):
        lines[f"total, base as a {committed.plan}"] = [p.committed[at].total_usd for p in points]
    return lines


def _best_tip(curve: Curve) -> str:
    return f"cheapest with {curve.best.nodes} nodes: {usd(curve.best.total_usd)} a year"


def tornado_plot(
    swings: Sequence[Swing], middle: float, show: Callable[[float], str], title: str, width: float
) -> Html:
    """A bar an input, from the result at its low end to that at its high end, the longest on top.

    `middle` is the result at the likeliest inputs. Orange: more of the input makes more of the result; blue: less.
    """
    shown = swings[:_ROWS]
    ends = [middle] + [end for swing in shown for end in (swing.at_low, swing.at_high)]
    frame = Frame(
        Axis(around(ends), title, show), Axis(Scale(0, 1, ()), "", str), width, 80 + _ROW * max(1, len(shown))
    )
    bars = [_bar(frame, at, swing, show) for at, swing in enumerate(shown)]
    likeliest = frame.x(middle)
    rule = el("line", x1=likeliest, x2=likeliest, y1=14, y2=frame.height - 46, class_="rule")
    return frame.drawn(rule, *bars, label=_matters(shown, show))


def _bar(frame: Frame, at: int, swing: Swing, show: Callable[[float], str]) -> Html:
    left, right = sorted((frame.x(swing.at_low), frame.x(swing.at_high)))
    y = 30.0 + _ROW * at
    tip = f"{swing.name} {swing.low:g} to {swing.high:g}: {show(swing.at_low)} to {show(swing.at_high)}"
    side = "more" if swing.at_high > swing.at_low else "less"
    text = f"{swing.name}  {swing.low:g} to {swing.high:g}"
    return join(
        (
            el("text", text, x=62, y=y, class_="note"),
            el("rect", x=left, y=y + 6, width=max(1.5, right - left), height=14, class_=f"fill {side}", data_tip=tip),
        )
    )


def _matters(shown: Sequence[Swing], show: Callable[[float], str]) -> str:
    said = [f"{s.name} from {show(s.at_low)} to {show(s.at_high)}" for s in shown[:3]]
    return "What matters most: " + "; ".join(said)


def histogram_plot(samples: Spread, show: Callable[[float], str], title: str, width: float) -> Html:
    """How often a result falls where, between the first and the last per cent of the draws."""
    finite = Spread(tuple(s for s in samples.samples if math.isfinite(s)))
    low, high = finite.percentile(0.01), finite.percentile(0.99)
    if low >= high:
        high = low + max(abs(low), 1.0) * 0.01
    found = histogram(finite, low, high)
    counts, step = found["counts"], (high - low) / len(found["counts"])
    total = len(samples.samples)
    frame = Frame(
        Axis(around([low, high]), title, show),
        Axis(from_zero([100 * max(counts) / total]), "% of draws", lambda p: f"{p:g}"),
        width,
        220,
    )
    bars = [
        _column(frame, (low + k * step, low + (k + 1) * step), 100 * count / total, show(low + k * step))
        for k, count in enumerate(counts)
    ]
    median = show(samples.percentile(0.5))
    return frame.drawn(*bars, label=f"{title}: median {median}, 10% under {show(samples.percentile(0.1))}.")


def sizes_plot(best: Mapping[int, float], width: float) -> Html:
    """In which share of the draws which size is cheapest."""
    nodes = sorted(best)
    frame = Frame(
        Axis(around([max(0, nodes[0] - 1), nodes[-1] + 1]), "owned nodes", lambda n: f"{n:g}"),
        Axis(from_zero([100 * max(best.values())]), "% of draws", lambda p: f"{p:g}"),
        width,
        220,
    )
    bars = [_column(frame, (n - 0.4, n + 0.4), 100 * share, f"{n} nodes") for n, share in best.items()]
    return frame.drawn(*bars, label="; ".join(f"{n} nodes in {share:.0%}" for n, share in best.items()))


def _column(frame: Frame, ends: tuple[float, float], percent: float, name: str) -> Html:
    left, right = (frame.x(end) for end in ends)
    top, foot = frame.y(percent), frame.y(0.0)
    tip = f"{name}: {percent:.2g}% of draws"
    return el(
        "rect", x=left, y=top, width=max(3.0, right - left - 1), height=foot - top, class_="fill p0", data_tip=tip
    )


def around(values: Sequence[float]) -> Scale:
    """From a round number below all values to a little beyond one above them, so that its label has room."""
    low, high = min(values), max(values)
    step = from_zero([max(high - low, abs(high) * 1e-6, 1e-9)], steps=4).ticks[1]
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return Scale(first * step, (last + 0.15) * step, tuple(step * k for k in range(first, last + 1)))
