"""`spillover cost`: what was spent."""

from __future__ import annotations

from typing import Annotated

import typer

from .api import get
from .options import Address, AsJson
from .output import failures, show

_COLUMNS = ("pool", "team", "user", "job", "market", "day")


def _columns(text: str) -> str:
    names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    for name in names:
        if name not in _COLUMNS:
            raise typer.BadParameter(f"'{name}' is none of {', '.join(_COLUMNS)}.")
    if not names:
        raise typer.BadParameter(f"name at least one of {', '.join(_COLUMNS)}.")
    return ",".join(names)


def cost(
    by: Annotated[
        str, typer.Option("--by", metavar="COLUMNS", callback=_columns, help="Any of pool,team,user,job,market,day.")
    ] = "pool",
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Show what was spent, idle time included."""
    with failures():
        body = get(address, "cost", by=by)
        from .tables import cost_table

        show(body, as_json, cost_table)
