"""Draws docs/explanation/forecasts.svg: `python -P docs/plot_forecasts.py FOLDER`, where the real traces are."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spillover.backtest.calibration import Calibration, calibrate, naive, shares
from spillover.backtest.readers import read_trace

OUT = Path(__file__).parent / "explanation" / "forecasts.svg"
TRACES = {"Philly": "philly.csv", "Alibaba PAI": "alibaba_pai2020.csv", "Alibaba openb": "alibaba_openb2023.csv"}
COLOURS = dict(zip(TRACES, ("#0b6e99", "#b35900", "#5b7f3b"), strict=True))
PARTS = 20


def main(folder: Path) -> None:
    """Judge the forecasts of each trace, draw them, and print the numbers."""
    mpl.rcParams.update({"svg.hashsalt": "spillover", "svg.fonttype": "none", "font.size": 9})
    mpl.rcParams.update({"axes.spines.top": False, "axes.spines.right": False})
    figure = Figure(figsize=(9, 6.4), layout="constrained")
    reliable, whole, left, wide = figure.subplots(2, 2).ravel()
    for name, file in TRACES.items():
        trace = read_trace(folder / file).trace
        found = calibrate(trace)
        other = naive(trace)
        _reliability(reliable, name, found)
        _over_time(whole, name, shares(found.held, PARTS))
        _over_time(left, name, shares(found.left_held, PARTS))
        widths = [np.log10(np.maximum(f.high_s, 1.0) / np.maximum(f.low_s, 1.0)) for f in (found, other)]
        _widths(wide, name, widths[0], widths[1])
        _tell(name, found)
    _dress(reliable, whole, left, wide)
    figure.savefig(OUT, metadata={"Date": None})


def _reliability(axes: Axes, name: str, found: Calibration) -> None:
    """Of the second half of the trace: the share of run times below each level of their forecasts."""
    late = np.sort(found.reached[len(found.reached) // 2 :])
    levels = np.linspace(0.0, 1.0, 41)
    axes.plot(levels, np.searchsorted(late, levels, side="right") / len(late), color=COLOURS[name], label=name)


def _over_time(axes: Axes, name: str, parts: Sequence[float]) -> None:
    axes.plot(np.arange(0.5, PARTS) / PARTS, parts, color=COLOURS[name], marker=".", label=name)


def _widths(axes: Axes, name: str, ours: np.ndarray, other: np.ndarray) -> None:
    """How many powers of ten lie between the ends of an interval, over all jobs."""
    for values, style in ((ours, "-"), (other, ":")):
        levels = np.linspace(0.0, 1.0, 101)
        axes.plot(np.quantile(values, levels), levels, color=COLOURS[name], linestyle=style)


def _dress(reliable: Axes, whole: Axes, left: Axes, wide: Axes) -> None:
    reliable.plot([0, 1], [0, 1], color="0.6", linewidth=0.8)
    reliable.set(title="Run times below each level (second half)", xlabel="level of the forecast")
    reliable.set_ylabel("share of jobs below")
    reliable.legend(frameon=False)
    for axes, title in ((whole, "Run time in its 80% interval"), (left, "Time left in its 80% interval")):
        axes.axhspan(0.78, 0.82, color="0.92")
        axes.axhline(0.8, color="0.6", linewidth=0.8)
        axes.set(title=title, xlabel="part of the trace, in time order", ylabel="share that held", ylim=(0.6, 1.0))
    wide.set(title="Width of the 80% interval (dotted: naive)", xlabel="powers of ten from low to high")
    wide.set_ylabel("share of jobs")


def _tell(name: str, found: Calibration) -> None:
    half = len(found.held) // 2
    quarters = ", ".join(f"{share:.3f}" for share in shares(found.held, 4))
    whole = f"{found.held.mean():.4f} of all, {found.held[half:].mean():.4f} of the second half, by quarter {quarters}"
    sys.stdout.write(f"{name}: {whole}; time left: {found.left_held.mean():.4f} of {found.asked.sum()}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
