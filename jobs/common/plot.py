"""A picture of how the loss fell. Needs matplotlib; no window is opened."""

from __future__ import annotations

import math
from itertools import accumulate
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

Row = dict[str, Any]
Points = tuple[list[int], list[float]]

INK, FAINT, GRID = "#1f2933", "#9fb3c8", "#e4e7eb"
TRAINING, VALIDATION, RESTART = "#2563eb", "#d97706", "#7b8794"
SPANS = 40  # a point of the running mean covers one part in so many of all steps


def loss_plot(rows: list[Row], path: Path, title: str, tokens_per_step: int = 0) -> None:
    """`rows` are those of metrics.jsonl. Training loss, its running mean, validation points and restarts, as PNG."""
    figure = Figure(figsize=(9, 5), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    steps, losses = _points(rows, "loss")
    axes.plot(steps, losses, color=FAINT, linewidth=0.8, label="training loss")
    axes.plot(steps, running_mean(losses), color=TRAINING, linewidth=1.8, label="training loss, running mean")
    _validation(axes, _points(rows, "validation_loss"))
    _restarts(axes, [row["step"] for row in rows if row.get("restarted")])
    _dress(axes, title)
    if tokens_per_step:
        _tokens(axes, tokens_per_step)
    figure.savefig(path, format="png")


def running_mean(values: list[float]) -> list[float]:
    """Of what lies as far ahead as behind, so that it does not lag; what is not a number is stepped over."""
    half = len(values) // SPANS // 2 + 1
    is_number = [math.isfinite(value) for value in values]
    sums = list(accumulate((v if ok else 0.0 for v, ok in zip(values, is_number, strict=True)), initial=0.0))
    counts = list(accumulate(is_number, initial=0))
    means = []
    for i in range(len(values)):
        first, last = max(0, i - half), min(i + min(i, half), len(values) - 1)
        count = counts[last + 1] - counts[first]
        means.append((sums[last + 1] - sums[first]) / count if count else math.nan)
    return means


def _points(rows: list[Row], name: str) -> Points:
    found = [(row["step"], row[name]) for row in rows if name in row]
    return [step for step, _ in found], [math.nan if value is None else value for _, value in found]


def _validation(axes: Axes, points: Points) -> None:
    """The last one is labelled: it is what a reader looks for."""
    steps, losses = points
    if not steps:
        return
    axes.plot(steps, losses, "o-", color=VALIDATION, linewidth=1.2, markersize=5, label="validation loss")
    axes.annotate(
        f"{losses[-1]:.2f}",
        (steps[-1], losses[-1]),
        xytext=(6, 6),
        textcoords="offset points",
        color=VALIDATION,
        fontweight="bold",
    )


def _restarts(axes: Axes, steps: list[int]) -> None:
    label = "restart" if len(steps) == 1 else f"{len(steps)} restarts"
    for i, step in enumerate(steps):
        axes.axvline(step, color=RESTART, linewidth=1, linestyle=(0, (4, 3)), label=label if i == 0 else None)


def _dress(axes: Axes, title: str) -> None:
    axes.set_title(title, loc="left", color=INK, fontweight="bold", pad=12)
    axes.set_xlabel("step")
    axes.set_ylabel("loss, nats a token")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.02)
    axes.legend(loc="upper right", edgecolor="none", framealpha=0.9)


def _tokens(axes: Axes, tokens_per_step: int) -> None:
    """A second scale above: how much text that was."""

    def tokens(steps: Any) -> Any:
        return steps * tokens_per_step

    def steps(tokens: Any) -> Any:
        return tokens / tokens_per_step

    above = axes.secondary_xaxis("top", functions=(tokens, steps))
    above.set_xlabel("tokens")
    above.xaxis.set_major_formatter(EngFormatter(sep=""))
    above.spines["top"].set_visible(True)
