"""What HAProxy has now, as its admin socket tells it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .admin import Admin
from .names import HOLD
from .servers import Server

_DRAINING, _MAINT = 0x08, 0x01  # bits of srv_admin_state: set by command
_BACKENDS_AND_SERVERS = 2 | 4


@dataclass(frozen=True)
class LiveSlot:
    """One slot. `queued` requests wait for a server below its limit, `held` for one that is up; `sessions` are all."""

    servers: tuple[Server, ...]
    queued: int
    held: int
    sessions: int


def look(admin: Admin, slots: Iterable[str]) -> Mapping[str, LiveSlot]:
    """The slots of these names. Raises NoAnswer."""
    held = held_by_slot(admin.ask("show held"))
    return {slot: _slot(admin, slot, held.get(slot, 0)) for slot in slots}


def _slot(admin: Admin, slot: str, held: int) -> LiveSlot:
    stat = f"show stat {slot} {_BACKENDS_AND_SERVERS} -1"
    return live_slot(admin.ask(stat), admin.ask(f"show servers state {slot}"), held)


def live_slot(stat: str, states: str, held: int) -> LiveSlot:
    """A slot out of the answers to `show stat` and `show servers state`."""
    rows = list(csv.DictReader(io.StringIO(stat.removeprefix("# "))))
    by_name = {row["svname"]: row for row in rows}
    whole = by_name.pop("BACKEND")
    admin_states = _admin_states(states)
    servers = [_server(row, admin_states.get(name)) for name, row in by_name.items() if name != HOLD]
    queued = sum(int(row["qcur"] or 0) for row in rows)
    servers.sort(key=lambda s: s.position)
    return LiveSlot(tuple(servers), queued, held, int(whole["scur"] or 0))


def _server(row: Mapping[str, str], state: int | None) -> Server:
    address, _, port = row["addr"].rpartition(":")
    return Server(
        name=row["svname"],
        address=address.strip("[]"),
        port=int(port or 0),
        limit=int(row["slim"] or 0),
        position=int(row["sid"]),
        ready=not state,
        maint=bool(state is not None and state & _MAINT),
        ongoing=int(row["scur"] or 0),
        up=row["status"].startswith(("UP", "DRAIN", "no check")),
    )


def _admin_states(states: str) -> Mapping[str, int]:
    lines = states.splitlines()
    head = next((line.removeprefix("# ").split() for line in lines if line.startswith("# be_id")), [])
    rows = [dict(zip(head, line.split(), strict=False)) for line in lines if line and line[0].isdigit() and " " in line]
    return {row["srv_name"]: int(row["srv_admin_state"]) & (_DRAINING | _MAINT) for row in rows}


def held_by_slot(answer: str) -> Mapping[str, int]:
    """`show held`: lines of slot and count."""
    pairs: Sequence[Sequence[str]] = [line.split() for line in answer.splitlines()]
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2}
