"""`spillover fold POOL`: take a launched pool down."""

from __future__ import annotations

from typing import Annotated

import typer

from .api import post
from .options import Address, AsJson
from .output import failures, show


def fold(
    pool: Annotated[str, typer.Argument(metavar="POOL", help="The pool's name.", show_default=False)],
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Take a launched pool down. It comes back when it is needed."""
    with failures():
        body = post(address, "pools", pool, "fold")
        from .tables import answer_text

        show(
            body,
            as_json,
            lambda answer, _: answer_text(answer, f"{pool}: folding. `spillover pools` shows when it is down."),
        )
