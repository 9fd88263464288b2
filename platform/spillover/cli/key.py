"""`spillover key create|list|revoke`: who may send requests to served applications. For administrators."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from .api import delete, get, post
from .options import Address, AsJson, Limit
from .output import failures, show, show_page
from .secret import life_s, lifetime, new_file

key = typer.Typer(
    name="key",
    no_args_is_help=True,
    help="Make, list and revoke the keys that let requests in to served applications. For administrators.",
)

_PerMinute = {"min": 1, "metavar": "N", "show_default": False}


def _names(text: str | None) -> list[str]:
    return [name.strip() for name in (text or "").split(",") if name.strip()]


@key.command()
def create(
    tenant: Annotated[
        str, typer.Argument(metavar="TENANT", help="Who its requests are metered for.", show_default=False)
    ],
    requests_per_minute: Annotated[
        int | None, typer.Option("--requests-per-minute", help="How many requests it may send.", **_PerMinute)
    ] = None,
    tokens_per_minute: Annotated[
        int | None, typer.Option("--tokens-per-minute", help="How many tokens, read and written.", **_PerMinute)
    ] = None,
    regions: Annotated[
        str | None,
        typer.Option("--regions", metavar="NAMES", show_default=False, help="Serve its requests there alone: eu."),
    ] = None,
    applications: Annotated[
        str | None,
        typer.Option("--applications", metavar="NAMES", show_default=False, help="Those that it may call; else all."),
    ] = None,
    expires: Annotated[
        str, typer.Option("--expires", metavar="TIME", callback=lifetime, help="Its life: 90d, 12h, or never.")
    ] = "90d",
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", show_default=False, help="Write it there, of mode 600, and show it not."),
    ] = None,
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Make a key. It is shown this once: only its hash is kept."""
    asked = {
        "tenant": tenant,
        "requests_per_minute": requests_per_minute,
        "tokens_per_minute": tokens_per_minute,
        "regions": _names(regions),
        "applications": _names(applications),
        "expires_in_s": life_s(expires),
    }
    with failures(), new_file(out) as file:
        body = post(address, "keys", body=asked)
        if file is not None:
            made = json.loads(body)
            os.write(file, made.pop("secret").encode())
            body = json.dumps(made)
        from .serve_tables import made_key_text

        print(body if as_json else made_key_text(json.loads(body), out))


@key.command("list")
def list_keys(
    tenant: Annotated[
        str | None, typer.Option("--tenant", metavar="TENANT", show_default=False, help="Only this tenant's.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also those that are revoked or have expired.")] = False,
    limit: Limit = 100,
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Show the keys that let requests in, oldest first. None is shown itself."""
    with failures():
        dead = "true" if everything else None
        body = get(address, "keys", tenant=tenant, dead=dead, limit=str(limit))
        from .serve_tables import keys_table

        show_page(body, as_json, keys_table)


@key.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="Its id, or the beginning of it.", show_default=False)],
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Let a key in no more."""
    with failures():
        body = delete(address, "keys", key_id)
        from .tables import answer_text

        show(body, as_json, lambda answer, _: answer_text(answer, f"{key_id}: revoked."))
