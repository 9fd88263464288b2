"""Raises launched pools: the lease is committed first, then the launcher is called."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence
from dataclasses import replace

from ..domain.job import Attempt
from ..domain.pool import PoolState, PoolStatus, PoolTarget
from ..domain.provider import Lease
from ..errors import PoolError, PoolUnreachable
from ..ports import ClusterVersion
from ..units import show_duration
from .core import Core, PoolRuntime
from .pool_look import save_pool

log = logging.getLogger(__name__)

_FIRST_RETRY_S = 10.0
_LONGEST_RETRY_S = 600.0
_HEAD_ANSWERS_S = 30.0
_LONGEST_FIRST_S = 300.0


def lease_of(runtime: PoolRuntime, state: PoolState) -> Lease:
    """The lease that a pool holds."""
    first_s = min(_LONGEST_FIRST_S, runtime.pool.lease_s / 2)
    expires_at = state.lease_expires_at or 0.0
    return Lease(state.lease_id or "", state.name, state.lease_max_nodes, expires_at, first_s)


class Raising:
    """From DOWN to UP, or back by way of FOLDING."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def begin(self, runtime: PoolRuntime, state: PoolState, live: Sequence[Attempt]) -> None:
        """Commit a lease and raise the pool, if it should be up and may be."""
        now = self._core.clock.now()
        # Attempts of the cluster that is gone must be ended first: they are not on the new one
        if state.target is PoolTarget.DOWN or now < (state.retry_at or 0) or any(a.session_name for a in live):
            return
        if why := await self._why_not(runtime, now):
            await self._not_begun(state, why)
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
        await self.go_on(runtime, await save_pool(self._core, raising, text))

    async def _why_not(self, runtime: PoolRuntime, now: float) -> str:
        """Why nothing may be launched: we must be able to end it for as long as it may live."""
        if runtime.provider is None:
            return ""
        try:
            until = await runtime.provider.usable_until()
        except PoolError as error:
            return str(error)
        if until is None or until >= now + runtime.pool.lease_s:
            return ""
        return (
            f"its credentials end in {show_duration(max(0.0, until - now))}, before its lease of "
            f"{show_duration(runtime.pool.lease_s)} would; renew them, or set a shorter lease"
        )

    async def _not_begun(self, state: PoolState, why: str) -> None:
        changed = self._failed(state, f"could not be raised: {why}")
        await save_pool(self._core, changed, f"not raised: {why}" if state.message != changed.message else "")

    async def go_on(self, runtime: PoolRuntime, state: PoolState) -> None:
        """Raise the cluster under the lease that is committed; repeatable after a crash."""
        assert runtime.launcher is not None  # noqa: S101  # launched pools have one
        try:
            up_already = await self._head_answers(runtime, state)
            raised = await runtime.launcher.raise_cluster(lease_of(runtime, state), no_restart=up_already)
            address = f"http://{raised.head_ip}:{runtime.pool.dashboard_port}"
            await save_pool(self._core, replace(state, address=address, message="waiting for the head to answer"))
            version = await self._first_answer(runtime)
        except PoolError as error:
            await self._give_up(state, str(error))
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
        await save_pool(self._core, up, f"up at {address} after {now - state.since:.0f} s")

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
        await save_pool(self._core, replace(state, address=address))
        try:
            await runtime.cluster.version()
        except PoolError:
            return False
        return True

    async def _give_up(self, state: PoolState, why: str) -> None:
        log.warning("pool %s could not be raised: %s", state.name, why)
        folding = replace(self._failed(state, f"could not be raised: {why}"), status=PoolStatus.FOLDING)
        wait_s = (folding.retry_at or 0.0) - self._core.clock.now()
        await save_pool(self._core, folding, f"raise failed, next try in {wait_s:.0f} s: {why}")

    def _failed(self, state: PoolState, message: str) -> PoolState:
        failures = state.failures + 1
        delay = min(_LONGEST_RETRY_S, _FIRST_RETRY_S * 2.0 ** (failures - 1))
        return replace(state, failures=failures, retry_at=self._core.clock.now() + delay, message=message)
