"""`spillover cost`: what was spent, and what it would have been otherwise."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated

import typer

from .api import get
from .options import Address, AsJson
from .output import failures, show

_COLUMNS = ("pool", "team", "user", "job", "market", "day", "node_type")
_DAY = {"metavar": "YYYY-MM-DD", "show_default": False}


def _columns(text: str) -> str:
    return columns_of(text, _COLUMNS)


def columns_of(text: str, known: Sequence[str]) -> str:
    """Some of the known columns, parted by commas. Raises BadParameter."""
    names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    for name in names:
        if name not in known:
            raise typer.BadParameter(f"'{name}' is none of {', '.join(known)}{_meant(name, known)}")
    if not names:
        raise typer.BadParameter(f"name at least one of {', '.join(known)}.")
    return ",".join(names)


def _meant(name: str, known: Sequence[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, known, n=1)
    return f"; did you mean '{near[0]}'?" if near else "."


def day_of(text: str | None) -> str | None:
    """A day as YYYY-MM-DD. Raises BadParameter."""
    from datetime import date

    try:
        return date.fromisoformat(text).isoformat() if text else None
    except ValueError:
        raise typer.BadParameter(f"'{text}' is no day; write it as in 2026-12-01.") from None


def cost(
    by: Annotated[
        str, typer.Option("--by", metavar="COLUMNS", callback=_columns, help=f"Any of {','.join(_COLUMNS)}.")
    ] = "pool",
    since: Annotated[
        str | None, typer.Option("--since", callback=day_of, help="From this day on, in UTC.", **_DAY)
    ] = None,
    days: Annotated[
        int | None,
        typer.Option("--days", min=1, metavar="N", show_default=False, help="The last N days, today included."),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", callback=day_of, help="Until the beginning of this day, in UTC.", **_DAY)
    ] = None,
    team: Annotated[
        str | None, typer.Option("--team", metavar="NAME", show_default=False, help="Only what this team's jobs cost.")
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Also what the same jobs would have cost and waited otherwise.")
    ] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the rows as CSV, to the nanodollar.")] = False,
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Show what was spent, idle time included."""
    if as_csv and (as_json or compare):
        raise typer.BadParameter("--csv prints the bill's rows alone; take --json for what it does not hold.")
    with failures():
        query = {"since": _first_day(since, days, until), "until": until, "team": team}
        body = get(address, "cost", by=by, **query, compare="true" if compare else None)
        from .cost_tables import cost_csv, cost_table

        if as_csv:
            print(cost_csv(json.loads(body)), end="")
        else:
            show(body, as_json, cost_table)


def _first_day(since: str | None, days: int | None, until: str | None) -> str | None:
    """The first day, as it is said or counted back from today."""
    from datetime import UTC, datetime, timedelta

    if since and days:
        raise typer.BadParameter("--since and --days both say when to begin: take one of them.")
    if days:
        since = (datetime.now(UTC).date() - timedelta(days=days - 1)).isoformat()
    if since and until and since >= until:
        raise typer.BadParameter(
            f"--until {until} is not after {since}, where it begins; that day itself is not counted."
        )
    return since
