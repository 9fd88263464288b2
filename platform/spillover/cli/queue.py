"""`spillover queue`: what waits and runs."""

from __future__ import annotations

from typing import Annotated

import typer

from .api import get
from .options import Address, AsJson, Limit
from .output import failures, show_page

_ONLY = {"metavar": "NAME", "show_default": False}


def queue(
    team: Annotated[str | None, typer.Option("--team", help="Only this team's jobs.", **_ONLY)] = None,
    user: Annotated[str | None, typer.Option("--user", help="Only this user's jobs.", **_ONLY)] = None,
    pool: Annotated[str | None, typer.Option("--pool", help="Only jobs on this pool.", **_ONLY)] = None,
    status: Annotated[
        str | None, typer.Option("--status", help="Only `queued`, `starting`, `running`, `unreachable`.", **_ONLY)
    ] = None,
    limit: Limit = 100,
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Show the jobs that have not ended, in the order in which they will run, and why they wait."""
    with failures():
        body = get(address, "queue", team=team, user=user, pool=pool, status=status, limit=str(limit))
        from .tables import queue_table

        show_page(body, as_json, queue_table)
