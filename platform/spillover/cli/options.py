"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

Address = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="URL",
        show_default=False,
        help="The server, http://HOST:PORT. Else SPILLOVER_ADDRESS, RAY_API_SERVER_ADDRESS, RAY_ADDRESS, "
        "or the server that this user started last.",
    ),
]
Limit = Annotated[int, typer.Option("--limit", min=1, max=10_000, metavar="N", help="How many at most.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the API's JSON as it is.")]
