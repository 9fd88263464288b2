"""Replicas that listen themselves ("direct ingress"), as Serve lists them, and which can be reached from here."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

log = logging.getLogger(__name__)

Address = tuple[str, int]
Replicas = Mapping[str, tuple[Address, ...]]
"""Of each application."""

_EVERYWHERE = (None, "", "0.0.0.0", "::")  # noqa: S104  # compared with, not bound
_CONNECT_S = 1.0
_TRY_AGAIN_S = 30.0


def listening(raw: Mapping[str, Any]) -> Replicas:
    """Where replicas listen, of Ray's ServeInstanceDetails as JSON. Without direct ingress Serve lists proxies alone.

    Serve gives each the address of its node, though it binds the host of the HTTP options.
    """
    bound = (raw.get("http_options") or {}).get("host")
    groups = [g for g in raw.get("target_groups") or () if g["protocol"] == "HTTP" and g["app_name"]]
    return {
        group["app_name"]: tuple((t["ip"] if bound in _EVERYWHERE else bound, t["port"]) for t in group["targets"])
        for group in groups
        if all(target["name"].startswith("SERVE_REPLICA::") for target in group["targets"])
    }


class Reached:
    """Which addresses took a connection once. Such a one stays: whether it answers now, the data plane finds out."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._taken: set[Address] = set()
        self._refused: dict[Address, float] = {}  # when to try again
        self._said: set[str] = set()

    async def of(self, listed: Replicas) -> Replicas:
        """Those of the listed that can be reached. None of an application: its requests must go through the proxy."""
        addresses = {address for there in listed.values() for address in there}
        await self._try(addresses)
        self._taken &= addresses
        self._refused = {address: at for address, at in self._refused.items() if address in addresses}
        found = {name: tuple(a for a in there if a in self._taken) for name, there in listed.items()}
        self._say({name: there for name, there in listed.items() if there and not found[name]})
        return found

    async def _try(self, addresses: set[Address]) -> None:
        now = self._clock()
        due = [a for a in addresses - self._taken if self._refused.get(a, now) <= now]
        for address, takes in zip(due, await asyncio.gather(*(_takes(a) for a in due)), strict=True):
            if takes:
                self._taken.add(address)
            else:
                self._refused[address] = now + _TRY_AGAIN_S

    def _say(self, unreached: Replicas) -> None:
        for name in unreached.keys() - self._said:
            log.warning(
                "none of the replicas of %s can be reached from here (%s): requests go through the proxy of its pool",
                name,
                ", ".join(f"{host}:{port}" for host, port in unreached[name]),
            )
        self._said = set(unreached)


async def _takes(address: Address) -> bool:
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(_CONNECT_S):
            _, writer = await asyncio.open_connection(*address)
        writer.close()
        return True
    return False
