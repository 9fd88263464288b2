"""Charts as SVG: a frame with labelled axes, and lines, areas and marks in it. Colours and fonts come from the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .markup import Html, el, join
from .scale import Scale

WIDE, NARROW = 1060, 400
"""Widths of a drawing in its own units: 13 px text stays 13 px on a page, and on a phone."""

_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 14, 26, 46
_MARKS = (
    "M-5,0A5,5 0 1,0 5,0A5,5 0 1,0 -5,0Z",
    "M-4.6,-4.6H4.6V4.6H-4.6Z",
    "M0,-6L5.6,4.4H-5.6Z",
    "M0,-6.4L5.6,0L0,6.4L-5.6,0Z",
    "M0,6L5.6,-4.4H-5.6Z",
    "M-1.8,-5.4H1.8V-1.8H5.4V1.8H1.8V5.4H-1.8V1.8H-5.4V-1.8H-1.8Z",
)


@dataclass(frozen=True)
class Axis:
    """A scale, what it measures with its unit, and how its values are written."""

    scale: Scale
    title: str
    show: Callable[[float], str]


@dataclass(frozen=True)
class Frame:
    """A drawing's size and axes. Its marks are placed by `x` and `y`, in the drawing's units."""

    across: Axis
    up: Axis
    width: float = NARROW
    height: float = 250

    def x(self, value: float) -> float:
        """From the left."""
        return _LEFT + self.across.scale.at(value) * (self.width - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        """From the top."""
        return _TOP + (1 - self.up.scale.at(value)) * (self.height - _TOP - _BOTTOM)

    def points(self, xs: Sequence[float], ys: Sequence[float]) -> str:
        """For a line or an area."""
        return " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in zip(xs, ys, strict=True))

    def drawn(self, *marks: Html, label: str) -> Html:
        """The SVG. `label` says what it shows to those who cannot see it."""
        size = f"0 0 {self.width:g} {self.height:g}"
        return el("svg", self._up(), self._across(), *marks, viewBox=size, role="img", aria_label=label)

    def _up(self) -> Html:
        lines = [
            join(
                (
                    el("line", x1=_LEFT, x2=self.width - _RIGHT, y1=self.y(tick), y2=self.y(tick), class_="grid"),
                    el("text", self.up.show(tick), x=_LEFT - 7, y=self.y(tick) + 4.5, class_="end"),
                )
            )
            for tick in self.up.scale.ticks
        ]
        return join((*lines, el("text", self.up.title, x=4, y=13, class_="title")))

    def _across(self) -> Html:
        foot = self.height - _BOTTOM
        lines = [
            join(
                (
                    el("line", x1=self.x(tick), x2=self.x(tick), y1=foot, y2=foot + 5, class_="tick"),
                    el("text", self.across.show(tick), x=self.x(tick), y=foot + 19, class_="middle"),
                )
            )
            for tick in self.across.scale.ticks
        ]
        base = el("line", x1=_LEFT, x2=self.width - _RIGHT, y1=foot, y2=foot, class_="axis")
        return join(
            (base, *lines, el("text", self.across.title, x=self.width - _RIGHT, y=self.height - 6, class_="end title"))
        )


def line(frame: Frame, xs: Sequence[float], ys: Sequence[float], class_: str, tips: Sequence[str] = ()) -> Html:
    """A line through points; `tips` are what is shown when one points at them."""
    return el("polyline", points=frame.points(xs, ys), class_=f"line {class_}", data_tips="|".join(tips) or None)


def area(frame: Frame, xs: Sequence[float], low: Sequence[float], high: Sequence[float], class_: str) -> Html:
    """What lies between two lines."""
    there, back = frame.points(xs, high), frame.points(xs[::-1], low[::-1])
    return el("polygon", points=f"{there} {back}", class_=f"area {class_}")


def rule(frame: Frame, value: float, text: str = "") -> Html:
    """A level across the whole frame, with its name where it needs one."""
    left, right, y = _LEFT, frame.width - _RIGHT, frame.y(value)
    name = el("text", text, x=right, y=y - 5, class_="end note") if text else None
    return join((el("line", x1=left, x2=right, y1=y, y2=y, class_="rule"), name))


def mark(x: float, y: float, shape: int, class_: str, tip: str | None = None) -> Html:
    """One of the shapes that tell policies apart without colour."""
    return el(
        "path",
        d=_MARKS[shape % len(_MARKS)],
        transform=f"translate({x:.1f},{y:.1f})",
        class_=f"mark {class_}",
        data_tip=tip,
    )


def both(draw: Callable[[float], Html]) -> Html:
    """A drawing at two widths, of which the page shows the one that fits."""
    return join((el("div", draw(WIDE), class_="wide"), el("div", draw(NARROW), class_="narrow")))


def figure(title: str, drawing: Html, *below: Html, class_: str | None = None) -> Html:
    """A drawing under a title that says what to see."""
    return el("figure", el("figcaption", title), drawing, *below, class_=class_)
