"""`spillover fence POOL`: an operator vouches that nothing of ours runs there any more."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from .api import post
from .options import Address, AsJson
from .output import failures, show


def fence(
    pool: Annotated[str, typer.Argument(metavar="POOL", help="The pool's name.", show_default=False)],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask. Without a terminal nothing is asked.")] = False,
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Vouch that an unreachable pool's jobs have ended there, so that they may run again elsewhere."""
    with failures():
        if not yes and sys.stdin.isatty():
            typer.confirm(
                f"If a job still runs on '{pool}', it will run twice. Is all of it certainly gone?",
                abort=True,
                err=True,
            )
        body = post(address, "pools", pool, "fence")
        from .tables import answer_text

        show(body, as_json, lambda answer, _: answer_text(answer, f"{pool}: fenced; its lost jobs are decided anew."))
