"""Prices as rows and tables. Pure functions: a catalogue in, something to print out."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from ..adapters.price_catalogue import Catalogue, Change
from ..domain.pool import Market
from ..errors import BadArgument
from .grid import Grid
from .text import NOTHING, plain

Row = Mapping[str, Any]

_SHOWN = 40


def price_rows(catalogue: Catalogue, regions: Iterable[str], wanted: Sequence[str]) -> list[dict[str, Any]]:
    """One object for each type and region. `wanted`: types or families, all if empty. Raises BadArgument."""
    rows = [_row(catalogue, name, region) for region in regions for name in catalogue.types(region)]
    known = {row["type"] for row in rows}
    for name in wanted:
        if not any(_is(known_type, name) for known_type in known):
            near = difflib.get_close_matches(name, known | {t.partition(".")[0] for t in known}, n=1)
            raise BadArgument(f"no price of '{name}' is known" + (f"; did you mean '{near[0]}'?" if near else ""))
    return [row for row in rows if not wanted or any(_is(row["type"], name) for name in wanted)]


def _is(instance_type: str, wanted: str) -> bool:
    return wanted in (instance_type, instance_type.partition(".")[0])


def _row(catalogue: Catalogue, name: str, region: str) -> dict[str, Any]:
    shape = catalogue.shapes.get(name)
    has = ("vcpus", "memory_gib", "gpus", "gpu")
    row = {"type": name, "region": region, **{what: getattr(shape, what, None) for what in has}}
    for market in (Market.ON_DEMAND, Market.SPOT):
        price = catalogue.price(name, region, market)
        row[f"{market}_usd_per_hour"] = price.usd_per_hour if price else None
        row[f"{market}_as_of"] = price.as_of.isoformat() if price else None
    return row


def prices_table(rows: Sequence[Row], now: float) -> RenderableType:  # noqa: ARG001  # all tables are called alike
    """One line for each type and region."""
    columns = ("TYPE", ">VCPU", ">MEMORY", "GPUS", "REGION", ">ON DEMAND", "AS OF", ">SPOT", "SPOT AS OF")
    table = Grid(*columns, drop=("GPUS", "MEMORY", "VCPU"))
    for row in rows:
        table.add(
            row["type"],
            plain(row["vcpus"]),
            NOTHING if row["memory_gib"] is None else f"{row['memory_gib']:g} GiB",
            _gpus(row),
            row["region"],
            _price(row["on_demand_usd_per_hour"]),
            plain(row["on_demand_as_of"]),
            _price(row["spot_usd_per_hour"]),
            plain(row["spot_as_of"]),
        )
    return table


def _price(usd: float | None) -> str:
    """To the four decimals to which it can be compared with AWS's list."""
    return NOTHING if usd is None else f"${usd:,.4f}"


def _gpus(row: Row) -> str:
    if not row["gpus"]:
        return NOTHING
    return f"{row['gpus']}x {row['gpu']}" if row["gpu"] else str(row["gpus"])


def change_rows(changes: Iterable[Change]) -> list[dict[str, Any]]:
    """One object for each price that changed."""
    return [
        {
            "type": change.instance_type,
            "region": change.region,
            "market": change.market.value,
            "before_usd_per_hour": change.before,
            "after_usd_per_hour": change.after,
        }
        for change in changes
    ]


def changes_table(rows: Sequence[Row], now: float) -> RenderableType:  # noqa: ARG001  # all tables are called alike
    """Prices that were known and changed, the largest changes first; of the others, how many."""
    changed = [row for row in rows if row["before_usd_per_hour"] and row["after_usd_per_hour"]]
    changed.sort(key=lambda row: -abs(_factor(row) - 1))
    table = Grid("TYPE", "REGION", "MARKET", ">BEFORE", ">NOW", ">CHANGE")
    for row in changed[:_SHOWN]:
        before, after = _price(row["before_usd_per_hour"]), _price(row["after_usd_per_hour"])
        table.add(row["type"], row["region"], row["market"], before, after, f"{_factor(row) - 1:+.1%}")
    return Group(*([table] if changed else []), Text(_summary(rows, len(changed)), style="dim"))


def _factor(row: Row) -> float:
    return float(row["after_usd_per_hour"] / row["before_usd_per_hour"])


def _summary(rows: Sequence[Row], changed: int) -> str:
    new = sum(row["before_usd_per_hour"] is None for row in rows)
    gone = sum(row["after_usd_per_hour"] is None for row in rows)
    shown = f" (the largest {_SHOWN} are shown, --json prints all)" if changed > _SHOWN else ""
    return f"Prices: {changed} changed{shown}, {new} new, {gone} gone."
