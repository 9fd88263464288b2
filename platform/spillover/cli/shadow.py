"""`spillover shadow`: what a second policy, which is only asked, would have done otherwise."""

from __future__ import annotations

from typing import Annotated

import typer

from .api import get
from .options import Address, AsJson
from .output import failures, show


def shadow(
    days: Annotated[int, typer.Option("--days", min=1, max=30, metavar="N", help="How far back, in days.")] = 7,
    limit: Annotated[int, typer.Option("--limit", min=1, metavar="N", help="How many of the newest such jobs.")] = 20,
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Show where the policy of the setting shadow_policy would have done otherwise than the one that decides."""
    with failures():
        body = get(address, "shadow", days=str(days), limit=str(limit))
        from .shadow_tables import shadow_view

        show(body, as_json, shadow_view)
