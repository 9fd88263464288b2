"""How names of ours are written where HAProxy reads them: in maps, as servers, in the log."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

HOLD = "hold"  # the server of each slot that takes requests while no other is up


def field(text: str) -> str:
    """A name as one field of a map or of the log: what could end a field is percent-encoded."""
    return quote(text, safe="")


def from_field(text: str) -> str:
    """The name again; "" for a field that HAProxy had no value for."""
    return "" if text == "-" else unquote(text)


def server(pool: str, number: int, replica: str = "") -> str:
    """The server of a pool in a slot, or of one replica there. Everything after the last dot is not the pool's name.

    The number tells apart what must be there twice while the order changes.
    """
    which = f"{replica}-" if replica else ""
    return f"{quote(pool, safe='').replace('%', ':').replace('~', ':7E')}.{which}{number}"


def replica(address: str, port: int) -> str:
    """A replica by where it listens, as a part of a server's name."""
    return f"{address.replace('.', '_')}:{port}"


_SERVER = re.compile(r"(?P<pool>.+)\.(?:(?P<replica>[0-9a-f_:]+)-)?(?P<number>[0-9]+)")


def pool_of(server_name: str) -> str:
    """The pool behind a server's name; "" for what is none (`hold`, `<NOSRV>`)."""
    found = _SERVER.fullmatch(server_name)
    return unquote(found["pool"].replace(":", "%")) if found else ""


def replica_of(server_name: str) -> str:
    """The replica that a server stands for; "" for one that stands for all replicas of a pool."""
    found = _SERVER.fullmatch(server_name)
    return found["replica"] or "" if found else ""


def number_of(server_name: str) -> int:
    """The number that the name was made with."""
    found = _SERVER.fullmatch(server_name)
    assert found is not None, server_name  # noqa: S101  # only names of ours are asked for it
    return int(found["number"])


def prefix_key(prefix: str) -> str:
    """A route prefix as the start of a path that ends in a slash: `/chat` holds `/chat/x`, never `/chatty`."""
    return quote(prefix.rstrip("/") + "/", safe="")
