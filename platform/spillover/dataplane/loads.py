"""What there is to do, summed over an application's slots. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..domain.serving import BackendLoad, RouteLoad, Table
from .live import LiveSlot
from .plan import SlotKey


def loads(table: Table, assigned: Mapping[str, SlotKey], live: Mapping[str, LiveSlot]) -> Mapping[str, RouteLoad]:
    """The load of each application of the table; pools that have left it are told while requests are there."""
    slots: dict[str, list[LiveSlot]] = {route.application: [] for route in table.routes}
    for name, key in assigned.items():
        if key.application in slots:
            slots[key.application].append(live[name])
    return {
        r.application: _load(r.application, (b.pool for b in r.backends), slots[r.application]) for r in table.routes
    }


def _load(application: str, pools: Iterable[str], slots: list[LiveSlot]) -> RouteLoad:
    ongoing: dict[str, int] = dict.fromkeys(pools, 0)
    up: set[str] = set()
    for server in (server for slot in slots for server in slot.servers):
        if server.pool in ongoing or server.ongoing:
            ongoing[server.pool] = ongoing.get(server.pool, 0) + server.ongoing
        if server.up and not server.maint:
            up.add(server.pool)
    backends = tuple(BackendLoad(pool, count, pool in up) for pool, count in ongoing.items())
    return RouteLoad(application, sum(slot.queued + slot.held for slot in slots), backends)
