"""The ways in which one history's work can be paid for, one beside the other."""

from __future__ import annotations

from dataclasses import dataclass

from .curve import Committed, Curve, Point

_PEAK = 0.01
"""Owning is for the peak where at most this share of what is rented without owning is still rented."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way, in dollars a year. `committed_gpus` are rented for a year or longer, the rest on demand."""

    label: str
    nodes: int
    committed_gpus: float
    total_usd: float


@dataclass(frozen=True, slots=True)
class Ways:
    """`all_rented` owns nothing, None if that was not played; `for_peak` is the smallest that rents next to nothing.

    `hybrid` is the cheapest size with on-demand renting, `table` all of them, the cheapest first; a commitment is among
    them where it pays at all.
    `peak_reached` says whether any size played rents next to nothing: else `for_peak` is the largest.
    """

    all_rented: Point | None
    for_peak: Point
    peak_reached: bool
    hybrid: Point
    table: tuple[Way, ...]


def ways_of(curve: Curve) -> Ways:
    """What the curve says of each way."""
    points, first = curve.points, curve.points[0]
    most = max(p.rented_gpu_hours for p in points)
    enough = [p for p in points if p.rented_gpu_hours <= _PEAK * most]
    peak = enough[0] if enough else points[-1]
    nothing = first if first.nodes == 0 else None
    rows = [Way("own for the peak", peak.nodes, 0.0, peak.total_usd)]
    rows.append(Way("own the cheapest, rent the rest on demand", curve.best.nodes, 0.0, curve.best.total_usd))
    rows += [way for at in range(len(first.committed)) if (way := _cheapest(curve, at)).committed_gpus]
    if nothing:
        rows.append(Way("rent all on demand", 0, 0.0, nothing.total_usd))
        rows += [_with(nothing, c, f"rent all, its base as a {c.plan}") for c in nothing.committed if c.gpus]
    rows.sort(key=lambda way: way.total_usd)
    return Ways(nothing, peak, bool(enough), curve.best, tuple(rows))


def _cheapest(curve: Curve, at: int) -> Way:
    """The size that is cheapest when the base of what it rents is committed."""
    best = min(curve.points, key=lambda p: p.committed[at].total_usd)
    return _with(best, best.committed[at], f"own some, rent a base as a {best.committed[at].plan}")


def _with(point: Point, committed: Committed, label: str) -> Way:
    return Way(label, point.nodes, committed.gpus, committed.total_usd)
