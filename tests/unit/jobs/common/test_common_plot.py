"""The picture of the loss."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def plot(load: Callable[[str], Any]) -> Any:
    pytest.importorskip("matplotlib")
    return load("common.plot")


@pytest.fixture
def drawn(plot: Any, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The figures that are saved."""
    figures: list[Any] = []
    monkeypatch.setattr(plot.Figure, "savefig", lambda figure, *_, **__: figures.append(figure))
    return figures


def test_all_that_happened_is_drawn(plot: Any, drawn: list[Any], tmp_path: Path) -> None:
    """Training loss, its mean, validation points, one line for each restart, and each has its name in the legend."""
    rows = [{"step": s, "loss": 5.0 - s} for s in range(1, 4)]
    rows += [{"step": 3, "validation_loss": 2.25}, {"step": 1, "restarted": True}, {"step": 2, "restarted": True}]
    plot.loss_plot(rows, tmp_path / "a.png", "monday")
    (axes,) = drawn[0].axes
    assert axes.get_title("left") == "monday"
    loss, mean, validation, *restarts = axes.lines
    assert [list(line.get_xdata()) for line in (loss, mean, validation)] == [[1, 2, 3], [1, 2, 3], [3]]
    assert list(loss.get_ydata()) == [4.0, 3.0, 2.0]
    assert [line.get_xdata()[0] for line in restarts] == [1, 2]
    assert [text.get_text() for text in axes.texts] == ["2.25"]
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert names == ["training loss", "training loss, running mean", "validation loss", "2 restarts"]


def test_tokens_are_a_second_scale(plot: Any, drawn: list[Any], tmp_path: Path) -> None:
    """Where it is known how many tokens a step has, the scale above counts them."""
    plot.loss_plot([{"step": 1, "loss": 2.0}, {"step": 11, "loss": 1.0}], tmp_path / "a.png", "x", 100)
    (above,) = drawn[0].axes[0].child_axes
    drawn[0].draw_without_rendering()
    assert above.get_xlabel() == "tokens"
    assert above.get_xlim() == pytest.approx([100 * x for x in drawn[0].axes[0].get_xlim()])


def test_a_run_without_numbers_has_a_picture_too(plot: Any, tmp_path: Path) -> None:
    """A run that ended before its first step is no error."""
    plot.loss_plot([], tmp_path / "a.png", "x", 100)
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_the_running_mean_does_not_lag(plot: Any) -> None:
    """On a straight line the mean is the line, except at its very end, where nothing lies ahead."""
    line = [float(1000 - i) for i in range(200)]
    half = 200 // plot.SPANS // 2 + 1
    assert plot.running_mean(line)[:-half] == pytest.approx(line[:-half])


def test_what_is_not_a_number_is_stepped_over(plot: Any) -> None:
    """A step that was skipped leaves the mean of its neighbours; without any there is none."""
    mean = plot.running_mean([3.0, math.nan, 1.0])
    assert mean == [3.0, 2.0, 1.0]
    assert math.isnan(plot.running_mean([math.nan])[0])
    assert plot.running_mean([]) == []
