"""How names of ours are written where HAProxy reads them: in maps, as servers, in the log."""

from __future__ import annotations

from urllib.parse import quote, unquote

HOLD = "hold"  # the server of each slot that takes requests while no other is up


def field(text: str) -> str:
    """A name as one field of a map or of the log: what could end a field is percent-encoded."""
    return quote(text, safe="")


def from_field(text: str) -> str:
    """The name again; "" for a field that HAProxy had no value for."""
    return "" if text == "-" else unquote(text)


def server(pool: str, number: int) -> str:
    """The server of a pool in a slot. The number tells apart what must be there twice while the order changes."""
    return f"{quote(pool, safe='').replace('%', ':').replace('~', ':7E')}.{number}"


def pool_of(server_name: str) -> str:
    """The pool behind a server's name; "" for what is none (`hold`, `<NOSRV>`)."""
    pool, dot, number = server_name.rpartition(".")
    return unquote(pool.replace(":", "%")) if dot and number.isdecimal() else ""


def number_of(server_name: str) -> int:
    """The number that the name was made with."""
    return int(server_name.rpartition(".")[2])


def prefix_key(prefix: str) -> str:
    """A route prefix as the start of a path that ends in a slash: `/chat` holds `/chat/x`, never `/chatty`."""
    return quote(prefix.rstrip("/") + "/", safe="")
