"""`spillover events`: who did what, when."""

from __future__ import annotations

from typing import Annotated

import typer

from .api import get
from .options import Address, AsJson, Limit
from .output import failures, show_page


def events(
    subject: Annotated[
        str | None, typer.Argument(metavar="[SUBJECT]", help="A job, or pool:NAME; else all.", show_default=False)
    ] = None,
    actor: Annotated[
        str | None, typer.Option("--actor", metavar="USER", show_default=False, help="Only what this user did.")
    ] = None,
    limit: Limit = 200,
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Show the history of a job, a pool or everything, the newest line last."""
    with failures():
        body = get(address, "events", subject=subject, actor=actor, limit=str(limit))
        from .tables import events_table

        show_page(body, as_json, events_table)
