"""What owning and renting cost, as tables. Pure functions: a study in, something to print out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from ..tco.chances import Spread
from ..tco.figures import Book, Figure, Quoted
from ..tco.study import UTILISATIONS, Study
from ..tco.tornado import Swing
from .grid import Grid
from .text import NOTHING

Shown = Callable[[float], str]

_BAR = 24
_SHOWN = 10
_BASES = {
    "list": "list price",
    "cited": "cited",
    "recalled": "recalled",
    "judged": "judged",
    "stated": "stated",
}


def study_table(study: Study) -> RenderableType:
    """All that is known without a history."""
    return Group(*_study(study))


def _study(study: Study) -> Iterable[RenderableType]:
    v = study.book.inputs()
    yield heading(f"Owning {v.nodes:g} nodes of {study.book.node}, {v.utilisation:.0%} of their GPU-hours used")
    yield _parts(study)
    yield heading("\nA GPU-hour of work, owned and rented, by utilisation")
    yield _plans(study)
    yield dim(
        f"Rented as {study.book.rented_as}, with storage, network and people. OWN FROM: the utilisation from which\n"
        f"on owning costs no more. SURE: in how many of {study.draws:,} draws it costs less. Commitments are\n"
        "paid for used or not, as owned nodes are; from PAYS FROM on, they cost less than on demand."
    )
    yield heading("\nHow sure that is")
    yield _chances(study)
    yield heading("\nWhat moves the break-even with on-demand prices most")
    yield tornado_table(study.tornado, study.book, lambda value: f"{value:.1%}")
    yield heading("\nBeside the field's figures")
    yield _beside(study)
    yield dim(_caveats(study.book))


def _parts(study: Study) -> RenderableType:
    table = Grid("PART", ">A NODE AND YEAR", ">A GPU-HOUR", ">SHARE")
    for part in study.parts:
        table.add(part.name, money(part.usd_per_node_year), hourly(part.usd_per_gpu_hour), f"{part.share:.0%}")
    sums = (sum(p.usd_per_node_year for p in study.parts), sum(p.usd_per_gpu_hour for p in study.parts))
    table.add("total", money(sums[0]), hourly(sums[1]), "100%", style="bold")
    return table


def _plans(study: Study) -> RenderableType:
    uses = [f">{u:.0%}" for u in UTILISATIONS]
    table = Grid("", *uses, ">OWN FROM", ">SURE", ">PAYS FROM")
    table.add("owned", *map(hourly, study.owned_usd_at), NOTHING, NOTHING, NOTHING, style="bold")
    for row in study.plans:
        sure = f"{study.chances.owning_cheaper[row.plan]:.0%}"
        pays = use(row.pays_from) if row.plan.committed else NOTHING
        table.add(str(row.plan), *map(hourly, row.usd_at), use(row.break_even), sure, pays)
    return table


def _chances(study: Study) -> RenderableType:
    table = Grid("", ">LIKELIEST", ">MEAN", ">P10", ">MEDIAN", ">P90")
    at = sum(part.usd_per_gpu_hour for part in study.parts)
    table.add("owned GPU-hour", hourly(at), *spread_cells(study.chances.owned_usd, hourly))
    for row in study.plans:
        if not row.plan.committed:
            even = study.chances.break_even[row.plan]
            table.add(f"break-even, {row.plan}", use(row.break_even), *spread_cells(even, use))
    return table


def spread_cells(spread: Spread, show: Shown) -> list[str]:
    """Mean, 10%, median and 90%."""
    return [show(spread.mean), *(show(spread.percentile(p)) for p in (0.1, 0.5, 0.9))]


def tornado_table(swings: Sequence[Swing], book: Book, show: Shown) -> RenderableType:
    """The inputs that matter most, each from its low to its high end, with a bar of how much."""
    table = Grid("INPUT", ">LOW", ">HIGH", "UNIT", ">AT LOW", ">AT HIGH", "SWING", drop=("UNIT",))
    for swing in swings[:_SHOWN]:
        bar = "█" * max(1, round(_BAR * swing.size / swings[0].size))
        ends = (number(swing.low), number(swing.high), book.figures[swing.name].unit)
        table.add(swing.name, *ends, show(swing.at_low), show(swing.at_high), bar)
    rest = len(swings) - _SHOWN
    return Group(table, *([dim(f"{rest} more move it less; --json has them.")] if rest > 0 else []))


def _beside(study: Study) -> RenderableType:
    table = Grid("FIGURE", ">THE FIELD", "OURS", ">VALUE", "LIES")
    before = ""
    for row in study.beside:
        quoted = study.quoted[row.quoted]
        first = row.quoted != before
        field = (quoted.meaning, _quoted(quoted)) if first else ("", "")
        table.add(*field, row.ours, quantity(row.value, quoted.unit), Text(row.verdict, style=_verdict(row.verdict)))
        before = row.quoted
    return table


def _verdict(verdict: str) -> str:
    return "green" if verdict == "inside" else "yellow"


def _quoted(quoted: Quoted) -> str:
    low, high = quantity(quoted.low, quoted.unit), quantity(quoted.high, quoted.unit)
    return low if low == high else f"{low} to {high}"


def quantity(value: float, unit: str) -> str:
    """In the field's unit."""
    if unit == "share":
        return f"{value:.0%}"
    return f"{value:.2g}x" if unit == "times" else f"${value:.3f}" if unit == "$/GB-month" else f"${value:,.2f}"


def _caveats(book: Book) -> str:
    counts = {basis: sum(f.basis == basis for f in book.figures.values()) for basis in _BASES}
    said = ", ".join(f"{count} {_BASES[basis]}" for basis, count in counts.items() if count)
    return (
        f"Of {len(book.figures)} inputs: {said}.\n`spillover tco --inputs` shows each with its source, --set sets it.\n"
        "Draws are independent, each input from the triangle over its low, likeliest and high value."
    )


def inputs_table(book: Book) -> RenderableType:
    """Every input with its range and source."""
    table = Grid("INPUT", ">LOW", ">VALUE", ">HIGH", "UNIT", "BASIS", "WHAT")
    for f in book.figures.values():
        table.add(f.name, *map(number, (f.low, f.value, f.high)), f.unit, f.basis, _what(f))
    return Group(table, dim("basis: " + "; ".join(_MEANINGS)))


_MEANINGS = (
    "list, a dated public list price",
    "cited, read in the text that is named",
    "recalled, commonly published, not looked up again",
    "judged, our judgement: replace it by your own first",
    "stated, set here",
)


def _what(figure: Figure) -> Text:
    return Text.assemble(figure.meaning, ". ", (figure.source, "dim"))


def heading(text: str) -> Text:
    """Above a table."""
    return Text(text, style="bold")


def dim(text: str) -> Text:
    """Below a table."""
    return Text(text, style="dim")


def money(usd: float) -> str:
    """`$123,456`: of a year, where cents are noise."""
    return f"-${-usd:,.0f}" if usd < 0 else f"${usd:,.0f}"


def hourly(usd: float) -> str:
    """`$3.641`: of a GPU-hour, where a tenth of a cent is still something."""
    return f"${usd:,.3f}"


def number(value: float) -> str:
    """`0.0806`, `310,000`."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def use(share: float) -> str:
    """A utilisation from which on something holds."""
    if share <= 0:
        return "always"
    return f"{share:.0%}" if share <= 1 else "never" if math.isinf(share) else f"never ({share:.0%})"
