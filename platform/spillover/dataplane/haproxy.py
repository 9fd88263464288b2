"""The data plane on HAProxy: one process with a life of its own, told over its admin socket what is new."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files as resources
from pathlib import Path
from typing import TypeVar

from ..domain.serving import RouteLoad, Served, Table
from . import log
from .admin import NoAnswer
from .configuration import Settings, lua
from .files import prepare
from .keeper import Keeper
from .loads import loads

T = TypeVar("T")


class HaproxyPlane:
    """Implements DataPlane.

    `folder` holds everything, `host` and `port` are where clients come to, `threads` is how many HAProxy works with.
    `tls` are paths of certificate chain and key: with them it speaks HTTPS alone.
    Each call runs in a thread, one at a time. Two planes on one folder, in two processes too, wait for each other.
    """

    def __init__(
        self, folder: Path, host: str, port: int, threads: int = 2, tls: tuple[Path, Path] | None = None
    ) -> None:
        self._files = prepare(folder)
        pem = self._files.pem.name if tls else None
        settings = Settings(host, port, threads, str(self._files.admin), str(self._files.hold), pem)
        script = lua(resources(__package__).joinpath("requests.lua").read_text())
        self._keeper = Keeper(self._files, settings, script, tls)
        self._turn = asyncio.Lock()
        self._freed = 0

    async def apply(self, table: Table) -> None:
        """Make it so; starts HAProxy, or replaces one with other settings. Raises DataPlaneError.

        What can be done is, also when something else raises. Cheap when nothing is new.
        """
        await self._alone(lambda: self._keeper.apply(table))

    async def load(self) -> Mapping[str, RouteLoad]:
        """What there is to do now, by application; {} if it does not run.

        One that died is started again with its last table; raises DataPlaneError if that fails.
        """
        return await self._alone(self._load)

    def _load(self) -> Mapping[str, RouteLoad]:
        try:
            live, slots = self._keeper.look()
        except NoAnswer:
            return {}
        return loads(self._keeper.table, slots, live)

    async def served(self, mark: str) -> tuple[Sequence[Served], str]:
        """Requests of keys that ended since the mark, oldest first, some thousands at most, and the next mark."""
        return await self._alone(lambda: self._served(mark))

    def _served(self, mark: str) -> tuple[Sequence[Served], str]:
        records, after = log.read(self._files.requests, mark)
        if mark.rpartition(":")[0] == after.rpartition(":")[0]:
            self._freed = log.free(self._files.requests, mark, self._freed)
        return records, after

    async def stop(self, grace_s: float = 30.0) -> None:
        """End it, for good. What is in flight has `grace_s` seconds to finish."""
        await self._alone(lambda: self._keeper.stop(grace_s))

    async def _alone(self, call: Callable[[], T]) -> T:
        async with self._turn:
            return await asyncio.to_thread(self._locked, call)

    def _locked(self, call: Callable[[], T]) -> T:
        lock = os.open(self._files.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return call()
        finally:
            os.close(lock)
