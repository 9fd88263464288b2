"""A small work queue: merges duplicates, never runs one key twice at once, and backs off keys that fail.

After dask-gateway's WorkQueue, the part of it that reads best.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from ..ports import Clock

log = logging.getLogger(__name__)

_FIRST_DELAY_S = 1.0
_LONGEST_DELAY_S = 60.0


class WorkQueue:
    """Runs `handle(key)` for every key that was added, at most `limit` at once."""

    def __init__(self, handle: Callable[[str], Awaitable[None]], clock: Clock, limit: int) -> None:
        self._handle = handle
        self._clock = clock
        self._slots = asyncio.Semaphore(limit)
        self._running: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._failures: dict[str, int] = {}
        self._not_before: dict[str, float] = {}

    def add(self, key: str) -> None:
        """Have a key handled soon; once more after the run in progress, if there is one."""
        if key in self._running:
            self._again.add(key)
        elif self._clock.now() >= self._not_before.get(key, 0.0):
            self._running[key] = asyncio.create_task(self._run(key))

    async def _run(self, key: str) -> None:
        try:
            async with self._slots:
                await self._handle(key)
            self._failures.pop(key, None)
            self._not_before.pop(key, None)
        except Exception:
            self._back_off(key)
            log.exception("step of %s failed; it is tried again", key)
        finally:
            del self._running[key]
        if key in self._again:
            self._again.discard(key)
            self.add(key)

    def _back_off(self, key: str) -> None:
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        delay = min(_LONGEST_DELAY_S, _FIRST_DELAY_S * 2 ** (failures - 1))
        self._not_before[key] = self._clock.now() + delay

    async def idle(self) -> None:
        """Wait until nothing runs. For tests and for a graceful stop."""
        while self._running:
            await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def close(self) -> None:
        """Cancel what runs, and wait for it to be gone."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
