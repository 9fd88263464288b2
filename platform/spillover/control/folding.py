"""Folds launched pools. A pool is down only when the provider says that none of its nodes is left."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from ..domain.pool import PoolState, PoolStatus
from ..domain.provider import Listing
from ..errors import PoolError
from .core import Core, PoolRuntime
from .pool_look import save_pool

log = logging.getLogger(__name__)

_LAST_TRIES = 3
_NOT_FOLDED = "NOT folded, nodes may still cost money; tried again until the provider says they are gone"


class Folding:
    """From FOLDING to DOWN."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._gone_since: dict[str, float] = {}

    async def begin(self, state: PoolState, why: str) -> None:
        """From here on nothing is placed there, and its nodes are taken down."""
        since = self._core.clock.now()
        await save_pool(self._core, replace(state, status=PoolStatus.FOLDING, since=since, message=why), f"fold: {why}")

    async def go_on(self, runtime: PoolRuntime, state: PoolState, *, jobs_lost: bool = False) -> None:
        """Take everything down; repeatable. Raises PoolError as long as the provider still has a node of it.

        With `jobs_lost`, attempts that ran there wait for this to be run elsewhere: the provider's word must have
        held for its `settle_s`, since its lists lag behind what it does.
        """
        try:
            left = await self._take_down(runtime)
        except PoolError as error:
            await self._failed(state, str(error))
            return
        if left:
            await self._failed(state, f"the provider still has {', '.join(left)}")
        elif not jobs_lost or self._has_settled(runtime):
            await self._down(runtime, state)

    async def _take_down(self, runtime: PoolRuntime) -> list[str]:
        """End all nodes; return those that are still there.

        Ray's launcher asks the head first, which may be what is broken, and takes a quarter of a minute that is paid
        for: where the provider can be asked, nobody else is.
        """
        if runtime.provider is not None:
            return await self._sweep(runtime)
        assert runtime.launcher is not None  # noqa: S101  # launched pools have one
        return [node.id for node in await runtime.launcher.fold()]

    async def _sweep(self, runtime: PoolRuntime) -> list[str]:
        assert runtime.provider is not None  # noqa: S101
        left = await self._there(runtime)
        if left:
            await runtime.provider.end(left)
            left = await self._there(runtime)
        return left

    async def _there(self, runtime: PoolRuntime) -> list[str]:
        assert runtime.provider is not None  # noqa: S101
        runtime.listed = Listing(self._core.clock.now(), tuple(await runtime.provider.machines()))
        return [machine.id for machine in runtime.listed.of(runtime.pool.name) if machine.state.there]

    def _has_settled(self, runtime: PoolRuntime) -> bool:
        now, name = self._core.clock.now(), runtime.pool.name
        since = self._gone_since.setdefault(name, now)
        return now - since >= (runtime.pool.settle_s if runtime.provider else 0.0)

    async def _down(self, runtime: PoolRuntime, state: PoolState) -> None:
        self._gone_since.pop(state.name, None)
        down = replace(
            state,
            status=PoolStatus.DOWN,
            address=None,
            session_name=None,
            lease_id=None,
            lease_max_nodes=0,
            lease_expires_at=None,
            since=self._core.clock.now(),
            idle_since=None,
            message="" if state.message.startswith(_NOT_FOLDED) else state.message,
        )
        runtime.seen, runtime.seen_error = None, ""
        await save_pool(self._core, down, "down: the provider has no node of it left")

    async def _failed(self, state: PoolState, why: str) -> None:
        self._gone_since.pop(state.name, None)
        text = f"{_NOT_FOLDED}: {why}"
        log.error("pool %s %s", state.name, text)
        await save_pool(self._core, replace(state, message=text), text if state.message != text else "")
        raise PoolError(text)  # the work queue backs off

    async def for_good(self, runtime: PoolRuntime, state: PoolState, say: Callable[[str], None]) -> None:
        """Take a pool down at the end of the platform, whatever its state and whatever runs there."""
        if runtime.launcher is None or state.status is PoolStatus.DOWN:
            return
        say(f"Folding pool {state.name}.")
        state = replace(state, status=PoolStatus.FOLDING, since=self._core.clock.now(), message="Spillover ends")
        for left in range(_LAST_TRIES, 0, -1):
            try:
                await self.go_on(runtime, await save_pool(self._core, state))
                return
            except PoolError as error:
                say(f"Pool {state.name} is {error}" + (" Trying again." if left > 1 else ""))
