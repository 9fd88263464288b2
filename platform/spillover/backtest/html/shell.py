"""What a page is put into: its head with our style, a heading, and our script at its end."""

from __future__ import annotations

from importlib.resources import files

from .markup import Html, el, join


def document(title: str, heading: str, above: str, *parts: Html, style: str = "") -> str:
    """A whole page that needs no other file. `above` stands small over the heading; `style` joins ours."""
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", title),
        el("style", _data("backtest.css"), Html(style)),
    )
    main = el("main", el("header", el("p", above, class_="soft"), el("h1", heading)), *parts)
    tip = el("div", id="tip", role="status", hidden="")
    return (
        f"<!doctype html>\n{el('html', head, el('body', main, tip, el('script', _data('backtest.js'))), lang='en')}\n"
    )


def section(title: str, *parts: Html) -> Html:
    """A part of the page under its own title."""
    return join(("\n", el("section", el("h2", title), *parts)))


def _data(name: str) -> Html:
    """Our own style and script, which are markup."""
    return Html((files("spillover") / "data" / name).read_text(encoding="utf-8"))
