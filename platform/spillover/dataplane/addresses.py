"""Backends' hosts as addresses: HAProxy takes servers at run time by address alone."""

from __future__ import annotations

import math
import socket
from collections.abc import Iterable

from ..domain.serving import Backend, Door
from ..errors import DataPlaneError
from .names import replica
from .servers import Wanted


class Addresses:
    """What names were last seen to mean. A name that cannot be looked up now keeps its address."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._unknown: dict[str, str] = {}

    def learn(self, backends: Iterable[Backend]) -> None:
        """Look the hosts up."""
        self._unknown = {}
        for host in {host for b in backends for host, _ in b.entries}:
            try:
                found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
                self._known[host] = str(found[0][4][0])
            except OSError as error:
                self._unknown[host] = str(error)

    def wanted(self, backend: Backend) -> list[Wanted]:
        """The backend's servers with their addresses, less those whose address is not known."""
        limit, ready = math.ceil(backend.limit / len(backend.entries)), backend.door is Door.OPEN
        known = [(self._known[host], port) for host, port in backend.entries if host in self._known]
        return [
            Wanted(backend.pool, address, port, limit, ready, replica(address, port) if backend.replicas else "")
            for address, port in known
        ]

    def complain(self) -> None:
        """Raises DataPlaneError that names the hosts without an address."""
        missing = [f"'{host}' ({why})" for host, why in sorted(self._unknown.items()) if host not in self._known]
        if missing:
            raise DataPlaneError(f"No address is known for {', '.join(missing)}: requests do not go there.")
