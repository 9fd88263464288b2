"""The economics as one HTML file: the answer first, then the plots, then every input with its source."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from ..backtest.html.chart import both, figure
from ..backtest.html.figures import short_usd, usd
from ..backtest.html.markup import Html, el, table
from ..backtest.html.shell import document, section
from ..tco.rented import Plan
from ..tco.study import UTILISATIONS, HistoryStudy, Study, even_with_on_demand
from .tco_plots import STYLES, by_utilisation, cost_curve, curve_lines, histogram_plot, sizes_plot, tornado_plot
from .tco_tables import money, number, quantity, use
from .text import age

_TORNADO = "Each input from its low to its high end; dashed, the likeliest. Orange: more of it makes more, blue: less"
_STYLE = """.fill { fill: var(--c, var(--p0)); stroke: none; }
.fill.more { --c: var(--more); } .fill.less { --c: var(--less); }
.swatch.p0, .swatch.p1, .swatch.p2, .swatch.p3, .swatch.p4, .swatch.p5 { background: var(--c); }"""


def page(study: Study, about: Mapping[str, Any]) -> str:
    """The whole page. The same study gives the same text."""
    name = f"Own or rent {study.book.node}" + (f" for {about['trace']}" if study.history else "")
    return document(name, name, "Spillover economics", *_history(study, about), *_study(study), style=_STYLE)


def _history(study: Study, about: Mapping[str, Any]) -> Iterator[Html]:
    history = study.history
    if history is None:
        return
    best = history.curve.best
    said = (f"{best.nodes} owned nodes cost least: ", el("b", f"{usd(best.total_usd)} a year"))
    yield el("p", *said, f", owned, rented and waited together; {usd(best.spent_usd)} of it is paid.", class_="verdict")
    yield el("p", _played(about), class_="soft")
    yield section("How many nodes to own", _curve(history), _curve_table(history))
    yield section("The same work, paid for otherwise", _ways(history))
    yield section("How sure that is", *_sure(history))
    draw = partial(tornado_plot, history.tornado, best.total_usd, short_usd, "a year")
    yield section("What moves the total of a year most", _drawn(draw, _TORNADO, tall=True))


def _played(about: Mapping[str, Any]) -> str:
    notes = "".join(f" {note}." for note in about["notes"])
    return (
        f"A year of {about['days']:.0f} days that went on like these: {about['jobs']:,} jobs, replayed at each size "
        f"with the code that decides live, policy {about['policy']}.{notes}"
    )


def _curve(history: HistoryStudy) -> Html:
    keys = [_key(name, at) for at, name in enumerate(curve_lines(history.curve))]
    legend = el("p", *keys, class_="legend")
    title = "Too few nodes rent much, too many stand idle"
    return figure(title, both(lambda width: cost_curve(history.curve, width)), legend)


def _key(name: str, at: int) -> Html:
    return el("span", el("i", class_=f"swatch {STYLES[at]}"), name, class_="key")


def _curve_table(history: HistoryStudy) -> Html:
    plans = [f"with a base as a {c.plan}" for c in history.curve.points[0].committed]
    rows = [
        (
            *(f"{p.nodes}", f"{p.utilisation:.0%}" if p.nodes else "–", age(p.mean_wait_h * 3600)),
            *(money(p.owned_usd), money(p.rented_usd), money(p.waiting_usd), money(p.total_usd)),
            *(f"{money(c.total_usd)}" + f" ({c.gpus:,.0f} GPUs)" * bool(c.gpus) for c in p.committed),
        )
        for p in history.curve.points
    ]
    return table(
        ("nodes", "used", "mean wait", "owned", "rented", "waiting", "total", *plans),
        rows,
        "Dollars a year at each size",
    )


def _ways(history: HistoryStudy) -> Html:
    rows = [(w.label, f"{w.nodes}", f"{w.committed_gpus:,.0f}", money(w.total_usd)) for w in history.ways.table]
    return table(("", "nodes owned", "GPUs committed", "a year"), rows, "The cheapest first")


def _sure(history: HistoryStudy) -> Iterator[Html]:
    found = history.chances
    yield _drawn(
        lambda w: histogram_plot(found.total_usd, short_usd, "a year", w),
        f"A year with {found.nodes} nodes, over all draws",
    )
    yield _drawn(lambda w: sizes_plot(found.best, w), "Which size is cheapest")
    rows = [(f"{w.nodes:+d}", money(w.extra_usd), f"{w.share:.1%}") for w in history.wrong_by]
    yield table(("nodes off", "more a year", "of the total"), rows, "What it costs not to own the best number")


def _study(study: Study) -> Iterator[Html]:
    v = study.book.inputs()
    names = ["owned", *map(str, Plan)]
    legend = el("p", *(_key(name, at) for at, name in enumerate(names)), class_="legend")
    title = "Idle hours make owned and committed GPU-hours dear"
    drawing = figure(title, both(lambda width: by_utilisation(v, width)), legend)
    yield section("What a GPU-hour costs", drawing, _plans(study), _parts(study))
    yield section("Where owning breaks even", *_even(study))
    yield section("Beside the field's figures", _beside(study))
    yield section("Inputs and their sources", _inputs(study))


def _plans(study: Study) -> Html:
    rows = [("owned", *map(usd, study.owned_usd_at), "", "")]
    for row in study.plans:
        sure = f"{study.chances.owning_cheaper[row.plan]:.0%}"
        rows.append((str(row.plan), *map(usd, row.usd_at), use(row.break_even), sure))
    head = (
        "",
        *(f"{u:.0%} used" for u in UTILISATIONS),
        "owning costs no more from",
        "draws in which owning costs less",
    )
    return table(head, rows, f"A GPU-hour of work; rented as {study.book.rented_as}, with storage, network and people")


def _parts(study: Study) -> Html:
    rows = [(p.name, money(p.usd_per_node_year), usd(p.usd_per_gpu_hour), f"{p.share:.0%}") for p in study.parts]
    return table(("", "a node and year", "a GPU-hour", "share"), rows, "What owning is made of")


def _even(study: Study) -> Iterator[Html]:
    found, middle = study.chances, even_with_on_demand(study.book.inputs())
    even = partial(tornado_plot, study.tornado, middle, _percent, "break-even utilisation")
    yield _drawn(even, f"With on-demand prices, {_TORNADO[0].lower()}{_TORNADO[1:]}", tall=True)
    for plan in (Plan.ON_DEMAND, Plan.SPOT):
        draw = partial(histogram_plot, found.break_even[plan], _percent, "break-even utilisation")
        yield _drawn(draw, f"Break-even with {str(plan).replace(' ', '-')} prices")
    yield _drawn(lambda w: histogram_plot(found.owned_usd, usd, "an owned GPU-hour", w), "An owned GPU-hour")


def _beside(study: Study) -> Html:
    rows = []
    for row in study.beside:
        quoted = study.quoted[row.quoted]
        low, high = quantity(quoted.low, quoted.unit), quantity(quoted.high, quoted.unit)
        field = low if low == high else f"{low} to {high}"
        rows.append((quoted.meaning, field, row.ours, quantity(row.value, quoted.unit), row.verdict))
    return table(
        ("", "the field", "ours", "", "it lies"), rows, "The field's are quoted; nothing is computed from them"
    )


def _inputs(study: Study) -> Html:
    rows = [
        (f.name, number(f.low), number(f.value), number(f.high), f.unit, f.basis, f"{f.meaning}. {f.source}")
        for f in study.book.figures.values()
    ]
    head = ("", "low", "likeliest", "high", "unit", "basis", "what and from where")
    caption = (
        f"{study.draws:,} independent draws, seed {study.seed}, each from the triangle over low, likeliest and high"
    )
    return table(head, rows, caption, class_="text")


def _drawn(draw: Callable[[float], Html], title: str, *, tall: bool = False) -> Html:
    return figure(title, both(draw) if tall else draw(400), class_=None if tall else "half")


def _percent(share: float) -> str:
    return f"{share:.0%}"
