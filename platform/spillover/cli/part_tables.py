"""What offers cost, part by part. Pure functions, as in tables.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from .grid import Grid
from .text import NOTHING, age, dollars, plain

Row = Mapping[str, Any]


def cost_parts(offers: Sequence[Row]) -> Iterator[RenderableType]:
    """What the offer costs that is taken, or the cheapest that could be, and the one that is waited for.

    Only what has several parts is shown. `offers` are in the order in which they stand in their table.
    """
    first = next((o for o in offers if o.get("chosen") or not o.get("out")), None)
    home = next((o for o in offers if o.get("out") and o.get("parts")), None)
    for offer in (first, home):
        if offer and len(offer.get("parts") or ()) > 1:
            name = f"What {plain(offer.get('pool'))} {plain(offer.get('node_type'))} costs"
            yield from (Text(), Text(name, style="bold"), parts_table(offer))


def parts_table(offer: Row) -> RenderableType:
    """The parts of one offer's cost, and what they come to."""
    table = Grid("PART", ">COST", ">TIME", "WHY")
    for part in offer.get("parts") or ():
        table.add(plain(part.get("kind")), dollars(part.get("usd")), age(part.get("time_s")), plain(part.get("text")))
    total_s = offer.get("total_s")
    done = "" if total_s is None else f"from its start to its end{_of_work(offer)}"
    table.add("all", dollars(offer.get("cost_usd")), age(total_s), done or NOTHING, style="bold")
    return table


def _of_work(offer: Row) -> str:
    more = (offer.get("total_s") or 0.0) - (offer.get("runtime_s") or 0.0)
    return f", {age(offer.get('runtime_s'))} of it work" if more >= 1 else ""
