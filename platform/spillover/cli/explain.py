"""`spillover explain JOB`: why it waits, or why it runs where it does."""

from __future__ import annotations

from typing import Annotated

import typer

from .api import get
from .options import Address, AsJson
from .output import failures, show


def explain(
    job: Annotated[str, typer.Argument(metavar="JOB", help="The submission id.", show_default=False)],
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Show every way to run a job with its price, which one was chosen, and what ruled the others out."""
    with failures():
        body = get(address, "jobs", job, "explain")
        from .tables import explain_view

        show(body, as_json, explain_view)
