"""`spillover token create|list|revoke`: who gets in. For administrators."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from ..client.connect import find_server
from .api import delete, get, post
from .options import Address, AsJson, Limit
from .output import failures, show, show_page
from .secret import life_s, lifetime, new_file

token = typer.Typer(
    name="token", no_args_is_help=True, help="Make, list and revoke the tokens that let people in. For administrators."
)


@token.command()
def create(
    user: Annotated[str, typer.Argument(metavar="USER", help="Who gets it.", show_default=False)],
    team: Annotated[
        str, typer.Option("--team", metavar="TEAM", help="The account; `*` for a viewer of all teams' work.")
    ] = "default",
    role: Annotated[
        str, typer.Option("--role", metavar="ROLE", help="What it allows: viewer, user, operator or admin.")
    ] = "user",
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
    """Make a token. It is shown this once: only its hash is kept."""
    with failures(), new_file(out) as file:
        asked = {"user": user, "team": team, "role": role}
        body = post(address, "tokens", body={**asked, "expires_in_s": life_s(expires)})
        if file is not None:
            made = json.loads(body)
            os.write(file, made.pop("secret").encode())
            body = json.dumps(made)
        from .token_text import made_text

        print(body if as_json else made_text(json.loads(body), find_server(address), out))


@token.command("list")
def list_tokens(
    user: Annotated[
        str | None, typer.Option("--user", metavar="USER", show_default=False, help="Only this user's.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also those that are revoked or have expired.")] = False,
    limit: Limit = 100,
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Show the tokens that let somebody in, oldest first. None is shown itself."""
    with failures():
        dead = "true" if everything else None
        body = get(address, "tokens", user=user, dead=dead, limit=str(limit))
        from .token_text import tokens_table

        show_page(body, as_json, tokens_table)


@token.command()
def revoke(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="Its id, or the beginning of it.", show_default=False)],
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Let a token in no more, from the next request on."""
    with failures():
        body = delete(address, "tokens", token_id)
        from .tables import answer_text

        show(body, as_json, lambda answer, _: answer_text(answer, f"{token_id}: revoked."))
