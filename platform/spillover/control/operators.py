"""Operators' orders about pools. Handlers only leave marks; the reconciler does the rest."""

from __future__ import annotations

from ..domain.access import Caller, Role
from ..domain.pool import PoolKind, PoolRole, PoolState, PoolStatus
from ..errors import BadRequest, Forbidden, NotFound
from .core import Core


class Operators:
    """Fences and folds."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def fence(self, caller: Caller, pool: str) -> str:
        """Declare that whatever ran on an unreachable pool runs no more, so that its jobs may run again."""
        state = await self._state(caller, pool)
        if state.status not in {PoolStatus.UNREACHABLE, PoolStatus.FOLDING}:
            raise BadRequest(f"Pool '{pool}' is {state.status}; only an unreachable one is fenced.")
        await self._mark(caller, pool, "fenced_at", "fenced")
        return f"Pool '{pool}' is fenced: {await self._live(pool)} attempts on it count as lost."

    async def fold(self, caller: Caller, pool: str) -> str:
        """Take a launched pool down now. Refused while jobs are on it."""
        state = await self._state(caller, pool)
        if self._core.pools[pool].pool.kind is PoolKind.ATTACHED:
            raise BadRequest(f"Pool '{pool}' is attached: Spillover did not raise it and does not fold it.")
        if live := await self._live(pool):
            raise BadRequest(f"Pool '{pool}' has {live} live jobs; stop them first.")
        if state.status not in {PoolStatus.UP, PoolStatus.UNREACHABLE}:
            return f"Pool '{pool}' is {state.status}: nothing to fold."
        await self._mark(caller, pool, "fold_asked_at", "fold asked for")
        baseline = self._core.pools[pool].pool.role is PoolRole.BASELINE
        again = " It is a baseline pool: it is raised again at once." if baseline else ""
        return f"Pool '{pool}' is being folded.{again}"

    async def _state(self, caller: Caller, pool: str) -> PoolState:
        if not caller.role.allows(Role.OPERATOR):
            raise Forbidden(f"Forbidden: this takes the role operator; yours is {caller.role}.")
        if pool not in self._core.pools:
            raise NotFound(f"There is no pool '{pool}'; there are {', '.join(self._core.pools)}.")
        return (await self._core.db(self._core.store.pool_states)).get(pool) or PoolState(pool)

    async def _live(self, pool: str) -> int:
        return sum(a.pool == pool for a in await self._core.db(self._core.store.live_attempts))

    async def _mark(self, caller: Caller, pool: str, mark: str, text: str) -> None:
        event = self._core.event(caller.user, f"pool:{pool}", text)
        await self._core.db(self._core.store.mark_pool, pool, mark, self._core.clock.now(), event)
        self._core.wake.set()
