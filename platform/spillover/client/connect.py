"""Finds the running server: its address, and the token that it asks for."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import NoServer
from .ways import COMMAND_LINE, Ways

# Ray's clients prefer the first of the two Ray names, so do we.
_ADDRESS_VARIABLES = ("SPILLOVER_ADDRESS", "RAY_API_SERVER_ADDRESS", "RAY_ADDRESS")
_STATE_DIR_VARIABLE = "SPILLOVER__state_dir"
CA_FILE_VARIABLE = "SPILLOVER_CA_FILE"


@dataclass(frozen=True)
class Server:
    """Where the server is and who we are there; both with where that was read, for messages.

    `ca_file`: whom to trust there besides the authorities of this machine. `told`: what others call it, such as the
    address of a proxy that this machine need not go through.
    """

    address: str
    address_from: str
    token: str | None = None
    token_from: str = ""
    ca_file: str | None = None
    told: str = ""
    ways: Ways = COMMAND_LINE


def find_server(address: str | None, ways: Ways = COMMAND_LINE) -> Server:
    """The server to talk to. Raises NoServer if none is known."""
    known = _address_file()
    found, where = _address(address, known, ways)
    token, token_from = next(_tokens(found, known), (None, ""))
    own = _same(found, str(known.get("address", "")))
    told = str(known.get("url") or found) if own else found
    return Server(found, where, token, token_from, _ca_file(known if own else {}), told, ways)


def address_file() -> Path:
    """Where `spillover up` writes who it is."""
    return Path(os.environ.get(_STATE_DIR_VARIABLE, "~/.spillover")).expanduser() / "server.json"


def _address(given: str | None, known: dict[str, Any], ways: Ways) -> tuple[str, str]:
    if given:
        return _http(given), ways.option
    for name in _ADDRESS_VARIABLES:
        value = os.environ.get(name, "")
        # RAY_ADDRESS is often `auto`, `ray://...` or HOST:6379: other clients' business.
        if value.startswith(("http://", "https://")):
            return _http(value), name
    if known.get("address"):
        return _http(str(known["address"])), str(address_file())
    raise NoServer(
        f"no server is known. Start one with `spillover up -c FILE`, or say where it is with {ways.address}. "
        f"(Nothing in {address_file()} either.)"
    )


def _http(address: str) -> str:
    url = address if "://" in address else f"http://{address}"
    if not url.startswith(("http://", "https://")):
        raise NoServer(f"'{address}' is no address of a Spillover server; write http://HOST:PORT")
    return url.rstrip("/")


def _tokens(address: str, known: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Tokens by preference, each with where it comes from."""
    if token := os.environ.get("RAY_AUTH_TOKEN", "").strip():
        yield token, "RAY_AUTH_TOKEN"
    files = [(os.environ.get("RAY_AUTH_TOKEN_PATH", ""), "RAY_AUTH_TOKEN_PATH")]
    # The token of the server on this machine is not for others to see.
    if _same(address, str(known.get("address", ""))):
        files.append((str(known.get("token_file", "")), ""))
    files.append(("~/.ray/auth_token", ""))
    for name, where in files:
        if name and (token := _read(Path(name).expanduser())):
            yield token, where or name


def _ca_file(known: dict[str, Any]) -> str | None:
    found = os.environ.get(CA_FILE_VARIABLE) or known.get("ca_file")
    return str(Path(found).expanduser()) if found else None


def _same(one: str, other: str) -> bool:
    return _by_number(one) == _by_number(other)


def _by_number(address: str) -> str:
    return address.rstrip("/").replace("//localhost", "//127.0.0.1")


def _address_file() -> dict[str, Any]:
    try:
        known = json.loads(_read(address_file()) or "{}")
    except json.JSONDecodeError:
        return {}
    return known if isinstance(known, dict) else {}


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""
