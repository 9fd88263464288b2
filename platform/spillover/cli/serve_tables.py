"""Served applications, keys and usage as people read them. Pure functions: the API's answers in, something to print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from .grid import Grid, status
from .text import age, ago, clock, dollars, plain

Row = Mapping[str, Any]

_COUNTS = ("requests", "errors", "tokens_in", "tokens_out")


def applications_table(applications: Sequence[Row], now: float) -> RenderableType:  # noqa: ARG001  # all are called alike
    """One line an application."""
    if not applications:
        return Text("No application is served. `serve deploy FILE` deploys one.")
    columns = ("NAME", "ROUTE", "TEAM", "USER", "STATUS", ">ON-PREM", ">BURST", ">NOW", ">QUEUED", ">$/HOUR", "WHY")
    table = Grid(*columns, drop=("USER", "TEAM", "QUEUED"))
    for app in applications:
        table.add(
            *(plain(app[key]) for key in ("name", "route_prefix", "team", "user")),
            status(app["status"].lower()),
            f"{app['baseline']}/{app['baseline_most']}",
            f"{app['burst']}/{app['burst_most']}",
            plain(app["requests"]),
            plain(app["queued"]),
            dollars(app["usd_per_hour"]),
            plain(app["message"]),
        )
    return table


def keys_table(keys: Sequence[Row], now: float) -> RenderableType:
    """One line a key."""
    if not keys:
        return Text("There are no such keys.")
    columns = ("ID", "TENANT", ">REQUESTS/MIN", ">TOKENS/MIN", "REGIONS", "APPLICATIONS", "MADE", "BY", "ENDS")
    table = Grid(*columns, drop=("BY", "MADE"))
    for key in keys:
        table.add(
            *(plain(key[name]) for name in ("key_id", "tenant", "requests_per_minute", "tokens_per_minute")),
            plain(", ".join(key["regions"])),
            plain(", ".join(key["applications"])),
            ago(key["created_at"], now),
            plain(key["created_by"]),
            end_of(key, now),
        )
    return table


def end_of(key: Row, now: float) -> Text:
    """When a token or key ends, or since when it has."""
    if key["revoked_at"] is not None:
        return Text(f"revoked {ago(key['revoked_at'], now)}", style="dim")
    if key["expires_at"] is None:
        return Text("never")
    expired, text = key["expires_at"] <= now, ago(key["expires_at"], now)
    return Text(f"expired {text}", style="dim") if expired else Text(text)


def made_key_text(made: Row, file: Path | None) -> str:
    """A new key, and how clients take it. Lines to copy: they are not to be wrapped."""
    key = made["key"]
    until = f"until {clock(key['expires_at'])}" if key["expires_at"] else "and never expires"
    kept = (
        [f"It is in {file}, of mode 600, and is not shown again."]
        if file
        else ["It is shown this once:", f"  {made['secret']}"]
    )
    lines = [
        f"Key {key['key_id']} lets requests of {key['tenant']} in {until}.",
        *kept,
        "Requests carry it as 'Authorization: Bearer KEY' or 'X-API-Key: KEY'.",
    ]
    return "\n".join(plain(line) for line in lines)


def usage_table(usage: Row, now: float) -> RenderableType:  # noqa: ARG001
    """What requests came to, by the columns that were asked for, with the sum below."""
    by, rows = usage["by"], usage["rows"]
    table = Grid(*(c.upper() for c in by), ">REQUESTS", ">ERRORS", ">TOKENS IN", ">TOKENS OUT", ">BUSY", ">COST")
    for row in rows:
        table.add(*(plain(row[c]) for c in by), *_numbers(row, row["usd"]))
    sums = {name: sum(row[name] for row in rows) for name in (*_COUNTS, "busy_s")}
    table.add("total", *[""] * (len(by) - 1), *_numbers(sums, usage["total_usd"]), style="bold")
    return Group(table, Text(_about(usage), style="dim"))


def _numbers(row: Row, usd: float) -> list[str]:
    return [*(f"{row[name]:,}" for name in _COUNTS), age(row["busy_s"]), dollars(usd)]


def _about(usage: Row) -> str:
    since, until = usage["since"], usage["until"]
    days = f" from {since}" * bool(since) + f" until before {until}" * bool(until)
    when = f"{days} (days in UTC)" if days else f" until {clock(usage['as_of'])}"
    text = f"Shares of what the replicas cost{when}, by the time that they worked on requests."
    if not usage["unused_usd"]:
        return text
    return f"{text} {dollars(usage['unused_usd'])} more went to replicas that nobody called."
