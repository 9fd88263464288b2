"""The control loop: looks, decides, steps, meters, over and over."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from ..domain.decision import Verdict
from ..placement.snapshot import Snapshot
from .attempts import Attempts
from .core import Core
from .hosts import HostKeeper
from .machines import MachineWatch
from .moving import Moving
from .overuse import Overuse
from .packages import Packages
from .passes import Passes
from .pools import Pools
from .serving.keeper import Keeper
from .workqueue import WorkQueue

log = logging.getLogger(__name__)

_COLLECT_S = 300.0
_MOVES_S = 5.0
_SERVED_S = 0.5

Book = Callable[[Snapshot], Awaitable[None]]
"""Books what was spent up to a snapshot's instant."""


class ControlLoop:
    """Drives everything that is not a request."""

    def __init__(
        self,
        core: Core,
        passes: Passes,
        moving: Moving,
        attempts: Attempts,
        pools: Pools,
        machines: MachineWatch,
        hosts: HostKeeper,
        packages: Packages,
        overuse: Overuse,
        served: Keeper,
        book: Book,
    ) -> None:
        self._core = core
        self._passes = passes
        self._moving = moving
        self._packages = packages
        self._book = book
        self._overuse = overuse
        self._served = served
        self._jobs = WorkQueue(attempts.step, core.clock, limit=16)
        self._pools = WorkQueue(pools.step, core.clock, limit=len(core.pools) or 1)
        self._host_keys = hosts.keys
        self._hosts = WorkQueue(hosts.step, core.clock, limit=32)
        self._machines = WorkQueue(machines.step, core.clock, limit=len(core.pools) or 1)
        self._due = {"pools": 0.0, "machines": 0.0, "served": 0.0, "moves": 0.0, "meter": 0.0, "collect": 0.0}
        self._live: frozenset[str] = frozenset()

    async def run(self) -> None:
        """Tick until cancelled."""
        try:
            while True:
                await self._tick_safely()
                await self._pause()
        finally:
            await self._jobs.close()
            await self._pools.close()
            await self._machines.close()
            await self._hosts.close()
            await self._passes.close()

    async def _pause(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._core.wake.wait(), self._every_s())
        self._core.wake.clear()

    def _every_s(self) -> float:
        """Requests are waited for by somebody now: where there are any, they are looked at more often."""
        tick_s = self._core.settings.tick_s
        return min(tick_s, _SERVED_S) if self._served.busy else tick_s

    async def _tick_safely(self) -> None:
        try:
            await self.tick()
        except Exception:
            log.exception("a tick of the control loop failed; the next one follows")

    def _is_due(self, what: str, every_s: float) -> bool:
        now = self._core.clock.now()
        if now < self._due[what]:
            return False
        self._due[what] = now + every_s
        return True

    async def tick(self) -> None:
        """One round. Every part is repeatable; the slow ones run beside it."""
        if self._is_due("pools", self._core.settings.observe_s):
            for name in self._core.pools:
                self._pools.add(name)
            for key in self._host_keys():
                self._hosts.add(key)
        if self._is_due("machines", self._core.settings.list_s):
            for name, runtime in self._core.pools.items():
                if runtime.provider is not None:
                    self._machines.add(name)
        if self._is_due("served", _SERVED_S):
            await self._served.look()
        for decision in await self._passes.run():
            if decision.verdict is Verdict.TAKE and decision.pool:
                self._pools.add(decision.pool)
            elif decision.verdict is Verdict.MOVE:
                await self._moving.begin(decision)
        await self._step_jobs()
        if self._is_due("moves", _MOVES_S):
            await self._moving.look()
        if self._is_due("meter", self._core.settings.metering_s):
            await self._book(await self._passes.snapshot(kept_room=False))
        if self._is_due("collect", _COLLECT_S):
            await self._packages.collect()

    async def _step_jobs(self) -> None:
        store, db = self._core.store, self._core.db
        attempts = {a.submission_id: a for a in await db(store.live_attempts)}
        stopping = await db(store.stopping_jobs)
        for submission_id in {*attempts, *stopping}:
            self._jobs.add(submission_id)
        nodes = (n.node_id for r in self._core.pools.values() if r.seen for n in r.seen.nodes)
        live = frozenset([*(a.attempt_id for a in attempts.values()), *nodes])
        if live != self._live:
            # Who pays for the nodes has changed: book what was spent until now on those who paid before
            self._live = live
            self._due["meter"] = 0.0
        for attempt in attempts.values():
            job = await db(store.job, attempt.submission_id)
            if job:
                await self._overuse.look(job, attempt)

    async def settle(self) -> None:
        """Wait until no step is in progress. For tests and for a graceful end."""
        await self._jobs.idle()
        await self._pools.idle()
        await self._machines.idle()
        await self._hosts.idle()
        await self._passes.settle()

    async def meter_now(self) -> None:
        """Book all spend up to now."""
        await self._book(await self._passes.snapshot(kept_room=False))
