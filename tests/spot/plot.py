"""Draws a replay: nodes, steps and what was lost, over time."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spot.result import Replayed

OURS, OTHER, LOST = "#0b6e99", "0.55", "#b35900"


def draw(found: Replayed, path: Path) -> None:
    """As SVG."""
    mpl.rcParams.update({"svg.hashsalt": "spillover", "svg.fonttype": "none", "font.size": 9})
    mpl.rcParams.update({"axes.spines.top": False, "axes.spines.right": False})
    figure = Figure(figsize=(9, 6), layout="constrained")
    nodes, steps, lost = figure.subplots(3, 1, sharex=True, height_ratios=(1, 2, 1))
    _nodes(nodes, found)
    _steps(steps, found)
    _lost(lost, found)
    lost.set(xlabel=f"seconds (the trace's time divided by {found.factor:.1f})", xlim=(0, found.seconds))
    figure.savefig(path, metadata={"Date": None})


def _nodes(axes: Axes, found: Replayed) -> None:
    at = [each.at_s for each in found.samples]
    axes.step(at, [each.nodes for each in found.samples], where="post", color=OURS)
    for each in found.stretches:
        names = "\n".join(sorted(each.nodes)) or "none"
        axes.text((each.begin_s + each.end_s) / 2, found.nodes + 0.2, names, ha="center", va="bottom", fontsize=7)
    axes.set(ylabel="live nodes", ylim=(0, found.nodes + 0.2), yticks=range(found.nodes + 1))


def _steps(axes: Axes, found: Replayed) -> None:
    for samples, colour, label in ((found.samples, OURS, "replayed"), (found.baseline, OTHER, "uninterrupted")):
        axes.plot([s.at_s for s in samples], [s.step for s in samples], color=colour, label=label)
    for at_s in found.resumed_at():
        axes.axvline(at_s, color=LOST, linewidth=0.8, linestyle=":")
    axes.set(ylabel="step", ylim=(0, None))
    axes.legend(frameon=False, loc="upper left")


def _lost(axes: Axes, found: Replayed) -> None:
    """At each resumption, the seconds without work before it, and on top those of work to be done again."""
    at, seen = found.resumed_at(), found.resumptions
    idle = [each.idle_s for each in seen]
    axes.bar(at, idle, width=2, color="0.8", label="without work")
    axes.bar(at, [each.lost_s for each in seen], width=2, bottom=idle, color=LOST, label="work lost")
    axes.set(ylabel="seconds")
    axes.legend(frameon=False, loc="upper left")
