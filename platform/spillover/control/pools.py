"""Raises, keeps and folds pools. One step at a time, each committed before it is taken."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from dataclasses import replace

from ..domain.job import Attempt
from ..domain.pool import PoolKind, PoolRole, PoolState, PoolStatus, PoolTarget
from ..errors import PoolError, PoolUnreachable
from ..ports import ClusterVersion
from .core import Core, PoolRuntime
from .pool_look import look, save_pool

log = logging.getLogger(__name__)

_FIRST_RETRY_S = 10.0
_LONGEST_RETRY_S = 600.0
_LAST_TRIES = 3
_HEAD_ANSWERS_S = 30.0
_NOT_FOLDED = "NOT folded, nodes may still cost money; tried again until the provider says they are gone"


class Pools:
    """Steps of pools. A pool is stepped by one task at a time."""

    def __init__(self, core: Core) -> None:
        self._core = core

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
            await self._maybe_raise(runtime, state, live)
        elif state.status is PoolStatus.RAISING:
            await self._raise(runtime, state)
        elif state.status is PoolStatus.FOLDING and not self._came_back(state, live):
            await self._fold(runtime, state)
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

    # raising

    async def _maybe_raise(self, runtime: PoolRuntime, state: PoolState, live: list[Attempt]) -> None:
        now = self._core.clock.now()
        # Attempts of the cluster that is gone must be ended first: they are not on the new one
        if state.target is PoolTarget.DOWN or now < (state.retry_at or 0) or any(a.session_name for a in live):
            return
        lease = secrets.token_hex(6)
        raising = replace(
            state,
            status=PoolStatus.RAISING,
            lease_id=lease,
            lease_max_nodes=runtime.pool.max_nodes,
            lease_expires_at=now + runtime.pool.lease_s,
            raised_at=now,
            since=now,
            idle_since=None,
            seen_at=None,
            session_name=None,
            message="being raised",
        )
        # Intent and lease are durable before anything that costs money is called
        text = f"raise, lease {lease}: at most {runtime.pool.max_nodes} nodes for {runtime.pool.lease_s:g} s"
        await self._raise(runtime, await self._save(raising, text))

    async def _raise(self, runtime: PoolRuntime, state: PoolState) -> None:
        assert runtime.launcher is not None  # noqa: S101  # launched pools have one
        try:
            up_already = await self._head_answers(runtime, state)
            raised = await runtime.launcher.raise_cluster(state.lease_max_nodes, no_restart=up_already)
            address = f"http://{raised.head_ip}:{runtime.pool.dashboard_port}"
            await self._save(replace(state, address=address, message="waiting for the head to answer"))
            version = await self._first_answer(runtime)
        except PoolError as error:
            await self._raise_failed(state, str(error))
            return
        now = self._core.clock.now()
        up = replace(
            state,
            status=PoolStatus.UP,
            address=address,
            session_name=version.session_name,
            session_since=now,
            since=now,
            seen_at=now,
            failures=0,
            retry_at=None,
            message="",
        )
        await self._save(up, f"up at {address} after {now - state.since:.0f} s")

    async def _first_answer(self, runtime: PoolRuntime) -> ClusterVersion:
        """A head that has just been started may need a moment. Raises PoolUnreachable when that is over."""
        until = self._core.clock.now() + _HEAD_ANSWERS_S
        while True:
            try:
                return await runtime.cluster.version()
            except PoolUnreachable:
                if self._core.clock.now() >= until:
                    raise
                await self._core.clock.sleep(0.5)

    async def _head_answers(self, runtime: PoolRuntime, state: PoolState) -> bool:
        """Whether a head is up already: raising again after a crash must not restart Ray under live jobs."""
        assert runtime.launcher is not None  # noqa: S101
        heads = [n for n in await runtime.launcher.nodes() if n.kind == "head"]
        if not heads:
            return False
        address = f"http://{heads[0].ip}:{runtime.pool.dashboard_port}"
        await self._save(replace(state, address=address))
        try:
            await runtime.cluster.version()
        except PoolError:
            return False
        return True

    async def _raise_failed(self, state: PoolState, why: str) -> None:
        failures = state.failures + 1
        delay = min(_LONGEST_RETRY_S, _FIRST_RETRY_S * 2.0 ** (failures - 1))
        log.warning("pool %s could not be raised: %s", state.name, why)
        folding = replace(
            state,
            status=PoolStatus.FOLDING,
            failures=failures,
            retry_at=self._core.clock.now() + delay,
            message=f"could not be raised: {why}",
        )
        await self._save(folding, f"raise failed, next try in {delay:.0f} s: {why}")

    # folding

    async def _fold(self, runtime: PoolRuntime, state: PoolState) -> None:
        assert runtime.launcher is not None  # noqa: S101
        try:
            left = await runtime.launcher.fold()
        except PoolError as error:
            await self._fold_failed(state, str(error))
            return
        if left:
            await self._fold_failed(state, f"the provider still has {', '.join(n.id for n in left)}")
            return
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
        await self._save(down, "down: the provider has no node of it left")

    async def _fold_failed(self, state: PoolState, why: str) -> None:
        text = f"{_NOT_FOLDED}: {why}"
        log.error("pool %s %s", state.name, text)
        await self._save(replace(state, message=text), text if state.message != text else "")
        raise PoolError(text)  # the work queue backs off

    async def fold_for_good(self, name: str, say: Callable[[str], None]) -> None:
        """Take a pool down at the end of the platform, whatever its state and whatever runs there."""
        runtime, state = self._core.pools[name], await self.state(name)
        if runtime.launcher is None or state.status is PoolStatus.DOWN:
            return
        say(f"Folding pool {name}.")
        state = replace(state, status=PoolStatus.FOLDING, since=self._core.clock.now(), message="Spillover ends")
        for left in range(_LAST_TRIES, 0, -1):
            try:
                await self._fold(runtime, await self._save(state))
                return
            except PoolError as error:
                say(f"Pool {name} is {error}" + (" Trying again." if left > 1 else ""))

    # watching

    async def _keep(self, runtime: PoolRuntime, state: PoolState) -> None:
        state = await look(self._core, runtime, state)
        live = await self._live(state.name)  # a job may have come during the look
        state = replace(state, target=self._target(runtime, live))
        now = self._core.clock.now()
        if state.status is PoolStatus.UNREACHABLE:
            if now - state.since > runtime.pool.unreachable_after_s:
                await self._begin_fold(state, f"no answer for {now - (state.seen_at or state.since):.0f} s")
            return
        state = await self._renew(runtime, state)
        if not live and (state.fold_asked_at or 0) > state.since:
            await self._begin_fold(replace(state, idle_since=now), "asked for by an operator")
            return
        if live or self._foreign(runtime, live):
            if state.idle_since is not None:
                await self._save(replace(state, idle_since=None))
        elif state.idle_since is None:
            await self._save(replace(state, idle_since=now))
        elif state.target is PoolTarget.DOWN and now - state.idle_since >= runtime.pool.idle_timeout_s:
            await self._begin_fold(state, f"idle for {now - state.idle_since:.0f} s")

    @staticmethod
    def _foreign(runtime: PoolRuntime, live: list[Attempt]) -> bool:
        ours = {attempt.attempt_id for attempt in live}
        return runtime.seen is not None and any(u.owner not in ours for u in runtime.seen.usage)

    async def _renew(self, runtime: PoolRuntime, state: PoolState) -> PoolState:
        now, lease_s = self._core.clock.now(), runtime.pool.lease_s
        if (state.lease_expires_at or 0) - now > lease_s / 2:
            return state
        return await self._save(replace(state, lease_expires_at=now + lease_s), f"lease renewed for {lease_s:g} s")

    async def _begin_fold(self, state: PoolState, why: str) -> None:
        since = self._core.clock.now()
        await self._save(replace(state, status=PoolStatus.FOLDING, since=since, message=why), f"fold: {why}")
