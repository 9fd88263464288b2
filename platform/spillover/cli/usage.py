"""`spillover usage`: what requests to served applications came to."""

from __future__ import annotations

from typing import Annotated

import typer

from .api import get
from .cost import columns_of, day_of
from .options import Address, AsJson
from .output import failures, show

_COLUMNS = ("tenant", "application", "key", "pool", "day")
_DAY = {"metavar": "YYYY-MM-DD", "show_default": False}


def _columns(text: str) -> str:
    return columns_of(text, _COLUMNS)


def usage(
    by: Annotated[
        str, typer.Option("--by", metavar="COLUMNS", callback=_columns, help=f"Any of {','.join(_COLUMNS)}.")
    ] = "tenant,application",
    since: Annotated[
        str | None, typer.Option("--since", callback=day_of, help="From this day on, in UTC.", **_DAY)
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", callback=day_of, help="Until the beginning of this day, in UTC.", **_DAY)
    ] = None,
    tenant: Annotated[
        str | None, typer.Option("--tenant", metavar="TENANT", show_default=False, help="Only this tenant's.")
    ] = None,
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Show requests, errors, tokens and busy time by tenant and application, and their share of the cost."""
    with failures():
        body = get(address, "usage", by=by, since=since, until=until, tenant=tenant)
        from .serve_tables import usage_table

        show(body, as_json, usage_table)
