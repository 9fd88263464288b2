"""Draws load, latency, replicas and dollars over time; and what a fault did to the requests around it."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from serving.records import Sent, by_second, percentile
from serving.schedule import length, rate_at
from serving.seen import Mark, Recording

COLOURS = ("#0b6e99", "#d98c21", "#7a5195", "#6b9a3c")
FAILED, OTHER = "#b3261e", "0.45"


def draw(found: Recording, path: Path) -> None:
    """A figure of five panels with one time axis. The ending of `path` says what kind: .svg or .png."""
    figure = _figure(height=9.5)
    axes = figure.subplots(5, 1, sharex=True, height_ratios=(2, 2, 1, 1, 1))
    seconds = length(found.phases)
    _requests(axes[0], found)
    _latency(axes[1], found.sent, found.began, found.target_s)
    _replicas(axes[2], found)
    _rates_of_spend(axes[3], found)
    _spent(axes[4], found)
    _marks(list(axes), found.marks, found.began)
    end = max([seconds, *(each.at - found.began for each in found.samples)])
    axes[-1].set(xlabel="seconds", xlim=(0, end))
    _save(figure, path)


def draw_fault(
    sent: Sequence[Sent], marks: Sequence[Mark], began: float, seconds: float, path: Path, title: str
) -> None:
    """Availability and latency through an event, a second each."""
    figure = _figure(height=5)
    figure.suptitle(title, x=0.01, ha="left", fontsize=10)
    availability, counts, latency = figure.subplots(3, 1, sharex=True, height_ratios=(1, 1, 1.5))
    _availability(availability, counts, sent, began)
    _latency(latency, sent, began, None)
    _marks([availability, counts, latency], marks, began)
    latency.set(xlabel="seconds", xlim=(0, seconds))
    _save(figure, path)


def _figure(height: float) -> Figure:
    mpl.rcParams.update({"svg.hashsalt": "spillover", "svg.fonttype": "none", "font.size": 9})
    mpl.rcParams.update({"axes.spines.top": False, "axes.spines.right": False})
    return Figure(figsize=(9, height), layout="constrained")


def _save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Only of an SVG is the date a part: without it the same run gives the same file
    figure.savefig(path, dpi=150, metadata={"Date": None} if path.suffix == ".svg" else None)


def _requests(axes: Axes, found: Recording) -> None:
    """Requests served, by pool, and failed ones, in the second in which they were due; over it the rate that was wanted."""
    seconds = by_second(found.sent, found.began)
    at = list(range(max(seconds, default=0) + 1))
    groups = [(pool, COLOURS[n]) for n, pool in enumerate(found.pools)]
    rows = [[sum(s.well and s.pool == pool for s in seconds.get(t, [])) for t in at] for pool, _ in groups]
    failed = [sum(not s.well for s in seconds.get(t, [])) for t in at]
    labels = [f"served by {pool}" for pool, _ in groups]
    axes.stackplot(at, *rows, failed, labels=[*labels, "failed"], colors=[*(c for _, c in groups), FAILED], step="post")
    fine = [t / 2 for t in range(int(2 * length(found.phases)))]
    axes.plot(fine, [rate_at(found.phases, t) for t in fine], color="black", linewidth=1, label="rate wanted")
    axes.set(ylabel="requests due / s", ylim=(0, None))
    axes.legend(frameon=False, loc="upper left", ncols=2)


def _latency(axes: Axes, sent: Sequence[Sent], began: float, target_s: float | None) -> None:
    """p50 and p99 of each second's requests that went well, on a scale of powers."""
    seconds = by_second([each for each in sent if each.well], began)
    for share, colour, label in ((0.99, COLOURS[1], "p99"), (0.5, COLOURS[0], "p50")):
        at = range(max(seconds, default=-1) + 1)
        values = [percentile(sorted(s.total_s for s in seconds.get(t, [])), share) for t in at]
        # A second without any answer is a hole in the line
        axes.plot([t + 0.5 for t in at], [1000 * v if v else nan for v in values], color=colour, label=label)
    if target_s is not None:
        axes.axhline(1000 * target_s, color=OTHER, linestyle="--", linewidth=0.8, label="target (p99)")
    axes.set(ylabel="latency (ms)", yscale="log")
    axes.yaxis.set_major_formatter(mpl.ticker.FormatStrFormatter("%g"))
    axes.yaxis.set_minor_formatter(mpl.ticker.LogFormatter())  # "600" where there is room for it, never "6 x 10^2"
    axes.legend(frameon=False, loc="upper left", ncols=3)


def _replicas(axes: Axes, found: Recording) -> None:
    at = [each.at - found.began for each in found.samples]
    for number, pool in enumerate(found.pools):
        counts = [each.replicas.get(pool, 0) for each in found.samples]
        axes.step(at, counts, where="post", color=COLOURS[number], label=pool)
    axes.yaxis.set_major_locator(mpl.ticker.MaxNLocator(integer=True))
    axes.set(ylabel="replicas", ylim=(0, None))
    axes.legend(frameon=False, loc="upper left", ncols=len(found.pools))


def _rates_of_spend(axes: Axes, found: Recording) -> None:
    at = [each.at - found.began for each in found.samples]
    rows = [[each.usd_per_hour.get(pool, 0.0) for each in found.samples] for pool in found.pools]
    axes.stackplot(at, *rows, labels=list(found.pools), colors=COLOURS[: len(found.pools)], step="post")
    axes.set(ylabel="US$ / hour", ylim=(0, None))


def _spent(axes: Axes, found: Recording) -> None:
    before = [each.usd for each in found.samples if each.at <= found.began] or [found.samples[0].usd]
    at = [each.at - found.began for each in found.samples]
    axes.plot(at, [each.usd - before[-1] for each in found.samples], color=COLOURS[0])
    axes.set(ylabel="US$ spent", ylim=(0, None))


def _availability(share: Axes, counts: Axes, sent: Sequence[Sent], began: float) -> None:
    seconds = by_second(sent, began)
    at = [t + 0.5 for t in seconds]
    share.plot(at, [100 * sum(s.well for s in each) / len(each) for each in seconds.values()], color=COLOURS[0])
    share.set(ylabel="went well (%)", ylim=(-3, 103))
    well = [sum(s.well for s in each) for each in seconds.values()]
    unsafe = [sum(not s.well and not s.safe for s in each) for each in seconds.values()]
    safe = [sum(not s.well and s.safe for s in each) for each in seconds.values()]
    counts.bar(at, well, width=0.9, color=COLOURS[0], alpha=0.4, label="well")
    counts.bar(at, unsafe, width=0.9, bottom=well, color=COLOURS[1], label="failed, not safe to retry")
    under = [a + b for a, b in zip(well, unsafe, strict=True)]
    counts.bar(at, safe, width=0.9, bottom=under, color=FAILED, label="failed, safe to retry")
    counts.set(ylabel="requests due / s")
    counts.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 0.98), ncols=3, fontsize=8)


def _marks(axes: Sequence[Axes], marks: Sequence[Mark], began: float) -> None:
    """A line through all panels for each event, its words above the first, on as many levels as keep them apart."""
    level_ends: list[float] = []
    width = 0.014 * max((each.at - began for each in marks), default=1)  # of a letter, in seconds, on a guess
    for each in sorted(marks, key=lambda mark: mark.at):
        at = each.at - began
        level = next((n for n, end in enumerate(level_ends) if end < at), len(level_ends))
        level_ends[level : level + 1] = [at + width * (len(each.text) + 1)]
        for one in axes:
            one.axvline(at, color=OTHER, linewidth=0.8, linestyle=":")
        place: dict[str, Any] = {"textcoords": "offset points", "xytext": (1, 2 + 10 * level), "fontsize": 7.5}
        axes[0].annotate(each.text, (at, 1), xycoords=("data", "axes fraction"), annotation_clip=False, **place)
