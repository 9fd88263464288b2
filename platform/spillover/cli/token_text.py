"""Tokens as people read them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.text import Text

from .grid import Grid
from .serve_tables import end_of
from .text import ago, clock, plain

if TYPE_CHECKING:
    from ..client.connect import Server

_RAYS_OWN_FILE = "~/.ray/auth_token"


def made_text(made: Mapping[str, Any], server: Server, file: Path | None) -> str:
    """A new token, whom it is for, and how Ray's clients take it. Lines to copy: they are not to be wrapped."""
    token = made["token"]
    until = f"until {clock(token['expires_at'])}" if token["expires_at"] else "and never expires"
    lines = [
        f"Token {token['token_id']} lets {token['user']} in: {token['role']} of team '{token['team']}', {until}.",
        *_handing_over(made, file),
        "Ray's clients take it with:",
        f"  export RAY_API_SERVER_ADDRESS={server.told}",
        "  export RAY_AUTH_MODE=token",
        f"  export RAY_AUTH_TOKEN_PATH={os.path.abspath(file) if file else _RAYS_OWN_FILE}",  # noqa: PTH100  # links stay
    ]
    return "\n".join(plain(line) for line in lines)


def _handing_over(made: Mapping[str, Any], file: Path | None) -> list[str]:
    if file:
        return [f"It is in {file}, of mode 600, and is not shown again."]
    return [
        f"It is shown this once. It belongs into a file of mode 600, such as {_RAYS_OWN_FILE}:",
        f"  {made['secret']}",
    ]


def tokens_table(tokens: Sequence[Mapping[str, Any]], now: float) -> RenderableType:
    """One line a token."""
    if not tokens:
        return Text("There are no such tokens.")
    table = Grid("ID", "USER", "TEAM", "ROLE", "MADE", "BY", "USED", "ENDS", drop=("BY", "MADE"))
    for token in tokens:
        names = (plain(token[key]) for key in ("token_id", "user", "team", "role"))
        made, used = ago(token["created_at"], now), ago(token["used_at"], now)
        table.add(*names, made, plain(token["created_by"]), used, end_of(token, now))
    return table
