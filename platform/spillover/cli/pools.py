"""`spillover pools`: where work can run."""

from __future__ import annotations

from typing import Annotated

import typer

from .api import get
from .options import Address, AsJson
from .output import failures, show_page


def pools(
    nodes: Annotated[bool, typer.Option("--nodes", help="Show every node too.")] = False,
    role: Annotated[
        str | None, typer.Option("--role", metavar="ROLE", show_default=False, help="Only `baseline` or `burst` pools.")
    ] = None,
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Show the pools: what they have, what is in use, what they cost and until when they are leased."""
    with failures():
        body = get(address, "pools", role=role, limit="10000")
        from .tables import pools_and_nodes, pools_table

        show_page(body, as_json, pools_and_nodes if nodes else pools_table)
