"""HTML and SVG that are built, not pasted: whatever text goes in is escaped, unless it came out of here."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

_EMPTY = frozenset({"meta", "line", "circle", "path", "polyline", "polygon", "rect", "br"})


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


def el(name: str, /, *children: str | None, **attributes: object) -> Html:
    """One element. Attributes may end in `_` where Python has the word, `_` inside stands for `-`; None leaves out."""
    shown = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_text(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    body = join(children)
    return Html(f"<{name}{shown}/>" if name in _EMPTY and not body else f"<{name}{shown}>{body}</{name}>")


def join(parts: Iterable[str | None]) -> Html:
    """Parts one after another; what is not markup is escaped, None is nothing."""
    return Html("".join(part if isinstance(part, Html) else escape(part) for part in parts if part is not None))


def table(head: Iterable[str], rows: Iterable[Iterable[str]], caption: str, *, class_: str | None = None) -> Html:
    """A table that scrolls sideways where it is too wide. `class_` is `text` if no column has numbers."""
    body = [
        el("tr", *(el("td" if place else "th", cell, scope=None if place else "row") for place, cell in enumerate(row)))
        for row in rows
    ]
    top = el("thead", el("tr", *(el("th", cell, scope="col") for cell in head)))
    whole = el("table", top, el("tbody", *body), class_=class_, aria_label=caption)
    return join((el("p", caption, class_="caption"), el("div", whole, class_="scroll", tabindex=0)))


def _text(value: object) -> str:
    """Numbers of a drawing to a tenth: a tenth of a pixel is not seen."""
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
