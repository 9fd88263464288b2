"""The servers of one slot: what they are, what they should be, and the commands from the one to the other. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from .names import number_of, pool_of, replica_of
from .names import server as server_name
from .shape import CHECK, HOLD_ID, ID_STEP


@dataclass(frozen=True)
class Server:
    """One server of a slot, as HAProxy has it or should have it.

    `position` is its id: lower ones are tried first. `ready`: it takes new requests. `maint`: it is to be
    deleted.
    """

    name: str
    address: str
    port: int
    limit: int
    position: int
    ready: bool = True
    maint: bool = False
    ongoing: int = 0
    up: bool = True

    @property
    def pool(self) -> str:
        """The pool behind it."""
        return pool_of(self.name)

    @property
    def who(self) -> tuple[str, str]:
        """The pool, and which replica of it."""
        return self.pool, replica_of(self.name)


@dataclass(frozen=True)
class Wanted:
    """A server that a slot should have: a `replica` of a pool, or the proxy for all of them where that is "".

    A limit below 1 closes it: for HAProxy 0 is no limit.
    """

    pool: str
    address: str
    port: int
    limit: int
    ready: bool
    replica: str = ""

    @property
    def who(self) -> tuple[str, str]:
        """The pool, and which replica of it."""
        return self.pool, self.replica


def arranged(wanted: Sequence[Wanted], live: Sequence[Server]) -> list[Server]:
    """The servers that the slot should have, in order. Who can keep its place does; others get a new server.

    A new server because the order of one that is there cannot be changed, and requests may be with it.
    """
    placed: list[Server] = []
    taken = {s.position for s in live} | {HOLD_ID}
    last = 0
    for index, want in enumerate(wanted):
        found = _current(want, live)
        if found is None or found.maint or found.position <= last:
            later = [_current(w, live) for w in wanted[index + 1 :]]
            position = _between(last, [s.position for s in later if s is not None and s.position > last], taken)
            found = Server(_next_name(want, live), want.address, want.port, want.limit, position)
            taken.add(position)
        last = found.position
        limit = want.limit if want.limit > 0 else found.limit if found.limit > 0 else 1
        ready = want.ready and want.limit > 0
        placed.append(replace(found, address=want.address, port=want.port, limit=limit, ready=ready))
    return placed


def _current(want: Wanted, live: Sequence[Server]) -> Server | None:
    return max((s for s in live if s.who == want.who), key=lambda s: number_of(s.name), default=None)


def _next_name(want: Wanted, live: Sequence[Server]) -> str:
    current = _current(want, live)
    return server_name(want.pool, number_of(current.name) + 1 if current else 1, want.replica)


def _between(last: int, later: Sequence[int], taken: set[int]) -> int:
    """An id after `last` and, if there is room, before the next one that keeps its place."""
    step = max(1, min(ID_STEP, (HOLD_ID - last) // 2))
    middle = (last + min(later)) // 2 if later else last
    position = middle if middle > last else last + step
    while position in taken:
        position += 1
    return position


def as_configured(server: Server) -> str:
    """Its line in the configuration, less the checks."""
    return f"server {server.name} {_at(server)} id {server.position} maxconn {server.limit} check"


def _at(server: Server) -> str:
    return f"[{server.address}]:{server.port}" if ":" in server.address else f"{server.address}:{server.port}"


def commands(slot: str, target: Sequence[Server], live: Sequence[Server], *, leaving: bool) -> list[str]:
    """What to tell HAProxy: of those that come or stay, or of those that leave."""
    before = {s.name: s for s in live}
    staying = {s.name for s in target}
    if leaving:
        return [command for s in live if s.name not in staying for command in _leaving(slot, s)]
    changes = [_changed(slot, s, before[s.name]) if s.name in before else _added(slot, s) for s in target]
    return [command for change in changes for command in change]


def _added(slot: str, server: Server) -> list[str]:
    name = f"{slot}/{server.name}"
    return [
        f"add server {name} {_at(server)} id {server.position} maxconn {server.limit} check {CHECK}",
        f"enable health {name}",
        f"set server {name} state {'ready' if server.ready else 'drain'}",
    ]


def _changed(slot: str, server: Server, before: Server) -> list[str]:
    name = f"{slot}/{server.name}"
    said = []
    if (server.address, server.port) != (before.address, before.port):
        said.append(f"set server {name} addr {server.address} port {server.port}")
    if server.limit != before.limit:
        said.append(f"set maxconn server {name} {server.limit}")
    if server.ready != before.ready:
        said.append(f"set server {name} state {'ready' if server.ready else 'drain'}")
    return said


def _leaving(slot: str, server: Server) -> list[str]:
    """Nobody is cut off: it takes nothing new, and is deleted when nothing is there."""
    name = f"{slot}/{server.name}"
    if server.ready:
        return [f"set server {name} state drain"]
    if server.ongoing:
        return []
    return [*([] if server.maint else [f"set server {name} state maint"]), f"del server {name}"]
