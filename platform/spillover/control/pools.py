"""Keeps pools where they should be. One step at a time, each committed before it is taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..domain.job import Attempt
from ..domain.pool import PoolKind, PoolRole, PoolState, PoolStatus, PoolTarget
from .core import Core, PoolRuntime
from .folding import Folding
from .lack import Lack
from .pool_look import look, save_pool
from .raising import Raising


class Pools:
    """Steps of pools. A pool is stepped by one task at a time."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._raising = Raising(core)
        self._folding = Folding(core)
        self._lack = Lack(core)

    async def state(self, name: str) -> PoolState:
        """What is kept about the pool; a fresh one is down."""
        return (await self._core.db(self._core.store.pool_states)).get(name) or PoolState(name)

    async def _save(self, state: PoolState, text: str = "") -> PoolState:
        return await save_pool(self._core, state, text)

    async def step(self, name: str) -> None:
        """Move the pool one step towards where it should be."""
        runtime = self._core.pools[name]
        state = await self.state(name)
        live = await self._live(name)
        if runtime.pool.kind is PoolKind.ATTACHED:
            await look(self._core, runtime, replace(state, address=runtime.pool.address))
            return
        state = replace(state, target=self._target(runtime, live))
        if state.status is PoolStatus.DOWN:
            await self._raising.begin(runtime, state, live)
        elif state.status is PoolStatus.RAISING:
            await self._raising.go_on(runtime, state)
        elif state.status is PoolStatus.FOLDING and not self._came_back(state, live):
            await self._folding.go_on(runtime, state, jobs_lost=any(a.session_name for a in live))
        elif state.status is PoolStatus.FOLDING:
            # A job was handed over in the very moment when the pool was found idle
            up = replace(state, status=PoolStatus.UP, since=self._core.clock.now(), idle_since=None, message="")
            await self._save(up, "not folded: a job came")
        else:
            await self._keep(runtime, state)

    async def _live(self, name: str) -> list[Attempt]:
        return [a for a in await self._core.db(self._core.store.live_attempts) if a.pool == name]

    @staticmethod
    def _came_back(state: PoolState, live: list[Attempt]) -> bool:
        """Whether a pool that was to be folded because nothing ran there has a job after all."""
        return state.idle_since is not None and any(a.session_name == state.session_name for a in live)

    @staticmethod
    def _target(runtime: PoolRuntime, live: list[Attempt]) -> PoolTarget:
        wanted = live or runtime.pool.role is PoolRole.BASELINE
        return PoolTarget.UP if wanted else PoolTarget.DOWN

    async def fold_for_good(self, name: str, say: Callable[[str], None]) -> None:
        """Take a pool down at the end of the platform, whatever its state and whatever runs there."""
        await self._folding.for_good(self._core.pools[name], await self.state(name), say)

    async def _keep(self, runtime: PoolRuntime, state: PoolState) -> None:
        state = await look(self._core, runtime, state)
        if runtime.provider is not None:
            await self._lack.look(runtime, state.status)
        live = await self._live(state.name)  # a job may have come during the look
        state = replace(state, target=self._target(runtime, live))
        now = self._core.clock.now()
        if runtime.provider is not None and (state.lease_expires_at or 0.0) <= now:
            # Its nodes have ended themselves, or are about to: what was let run out is not brought back
            await self._folding.begin(state, f"its lease ended {now - (state.lease_expires_at or 0.0):.0f} s ago")
            return
        if state.status is PoolStatus.UNREACHABLE:
            if now - state.since > runtime.pool.unreachable_after_s:
                await self._folding.begin(state, f"no answer for {now - (state.seen_at or state.since):.0f} s")
            return
        state = await self._renew(runtime, state)
        if not live and (state.fold_asked_at or 0) > state.since:
            await self._folding.begin(replace(state, idle_since=now), "asked for by an operator")
            return
        if live or self._foreign(runtime, live):
            if state.idle_since is not None:
                await self._save(replace(state, idle_since=None))
        elif state.idle_since is None:
            await self._save(replace(state, idle_since=now))
        elif state.target is PoolTarget.DOWN and now - state.idle_since >= runtime.pool.idle_timeout_s:
            await self._folding.begin(state, f"idle for {now - state.idle_since:.0f} s")

    @staticmethod
    def _foreign(runtime: PoolRuntime, live: list[Attempt]) -> bool:
        ours = {attempt.attempt_id for attempt in live}
        return runtime.seen is not None and any(u.owner not in ours for u in runtime.seen.usage)

    async def _renew(self, runtime: PoolRuntime, state: PoolState) -> PoolState:
        now, lease_s = self._core.clock.now(), runtime.pool.lease_s
        if (state.lease_expires_at or 0) - now > lease_s / 2:
            return state
        return await self._save(replace(state, lease_expires_at=now + lease_s), f"lease renewed for {lease_s:g} s")
