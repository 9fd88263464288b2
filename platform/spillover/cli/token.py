"""`spillover token create|list|revoke`: who gets in. For administrators."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from ..client.connect import find_server
from ..errors import SpilloverError
from ..units import parse_duration
from .api import delete, get, post
from .options import Address, AsJson, Limit
from .output import failures, show, show_page

token = typer.Typer(
    name="token", no_args_is_help=True, help="Make, list and revoke the tokens that let people in. For administrators."
)

_NEVER = "never"


def _lifetime(text: str) -> str:
    try:
        if text != _NEVER and parse_duration(text) > 0:
            return text
    except ValueError:
        pass
    if text != _NEVER:
        raise typer.BadParameter(f"'{text}' is no life of a token; write '90d', '12h' or '{_NEVER}'")
    return text


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
        str, typer.Option("--expires", metavar="TIME", callback=_lifetime, help="Its life: 90d, 12h, or never.")
    ] = "90d",
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", show_default=False, help="Write it there, of mode 600, and show it not."),
    ] = None,
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Make a token. It is shown this once: only its hash is kept."""
    with failures(), _new_file(out) as file:
        asked = {"user": user, "team": team, "role": role}
        life = 0.0 if expires == _NEVER else parse_duration(expires)
        body = post(address, "tokens", body={**asked, "expires_in_s": life})
        if file is not None:
            made = json.loads(body)
            os.write(file, made.pop("secret").encode())
            body = json.dumps(made)
        from .token_text import made_text

        print(body if as_json else made_text(json.loads(body), find_server(address), out))


@contextmanager
def _new_file(path: Path | None) -> Iterator[int | None]:
    """A file for a secret, there before the secret is, and gone again if there will be none."""
    if path is None:
        yield None
        return
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise SpilloverError(f"{path} cannot be written: {error.strerror}. Name another file with --out.") from None
    try:
        yield file
    except BaseException:
        path.unlink()
        raise
    finally:
        os.close(file)


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
