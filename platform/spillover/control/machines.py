"""Lists each rented pool's machines, renews their leases, and ends those that should not be there.

It runs beside the steps of the pools: a raise that hangs, or a fold that fails, does not stop it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from ..domain.pool import PoolState, PoolStatus
from ..domain.provider import Listing, Machine, Stray
from ..errors import PoolError, ProviderError
from ..ports import Provider
from .core import SYSTEM, Core, PoolRuntime
from .reaper import strays

log = logging.getLogger(__name__)

_DOWN_EVERY_S = 15.0
_SETTLES_S = 120.0


class MachineWatch:
    """Looks at machines. A pool's are looked at by one task at a time."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def step(self, name: str) -> None:
        """List the machines, renew those of the lease, end strays."""
        runtime = self._core.pools[name]
        before = await self._states()
        if runtime.provider is None or not self._is_due(runtime, before.get(name) or PoolState(name)):
            return
        try:
            at = self._core.clock.now()
            listing = Listing(at, tuple(await runtime.provider.machines()))
            after = await self._states()
            runtime.listed = listing
            await self._reap(runtime, strays(self._mine(name, listing), before, after, self._core.clock.now()))
            await self._renew(runtime.provider, listing.of(name), after.get(name))
        except ProviderError as error:
            await self._no_answer(runtime, str(error))
        else:
            await self._answers(runtime)

    def _mine(self, name: str, listing: Listing) -> list[Machine]:
        """The pool's own, and those of pools that are no longer in the settings: nobody else looks at them."""
        return [m for m in listing.machines if m.pool == name or m.pool not in self._core.pools]

    async def _states(self) -> dict[str, PoolState]:
        return await self._core.db(self._core.store.pool_states)

    def _is_due(self, runtime: PoolRuntime, state: PoolState) -> bool:
        """A pool that has been down for a while is looked at less often: for what came late."""
        now = self._core.clock.now()
        quiet = state.status is PoolStatus.DOWN and now - state.since > _SETTLES_S and not runtime.strays
        return runtime.listed is None or not quiet or now - runtime.listed.at >= _DOWN_EVERY_S

    async def _no_answer(self, runtime: PoolRuntime, why: str) -> None:
        if not runtime.listed_error:
            await self._say(runtime, f"its provider does not answer: {why}")
        runtime.listed_error = why

    async def _answers(self, runtime: PoolRuntime) -> None:
        if runtime.listed_error:
            await self._say(runtime, "its provider answers again")
        runtime.listed_error = ""

    async def _renew(self, provider: Provider, machines: Sequence[Machine], state: PoolState | None) -> None:
        """Carry the lease's end to the machines: those born since the last renewal have that of the raise."""
        if state is None or state.lease_expires_at is None or state.status is PoolStatus.FOLDING:
            return
        behind = [
            m.id for m in machines
            if m.state.there and m.lease_id == state.lease_id and m.lease_expires_at < int(state.lease_expires_at)
        ]  # fmt: skip
        if behind:
            await provider.renew(behind, state.lease_expires_at)

    async def _reap(self, runtime: PoolRuntime, found: Sequence[Stray]) -> None:
        known = {stray.machine.id: stray for stray in runtime.strays}
        for stray in found:
            if stray.machine.id not in known:
                await self._say(runtime, f"stray {_shown(stray)}: ending it")
        runtime.strays = await self._ended(runtime, found, known)

    async def _ended(self, runtime: PoolRuntime, found: Sequence[Stray], known: dict[str, Stray]) -> tuple[Stray, ...]:
        """Ask for the end of all strays. They stay listed here until the provider says that they are gone."""
        assert runtime.provider is not None  # noqa: S101  # only such pools have strays
        if not found:
            return ()
        error = ""
        try:
            await runtime.provider.end([stray.machine.id for stray in found])
        except PoolError as refused:
            error = str(refused)
        asked = [replace(s, tries=_tries(known, s) + 1, error=error) for s in found]
        for stray in asked:
            # Once it is refused, and again when it has been for long: an alarm that repeats itself is not read
            if stray.tries > 1 and (stray.tries & (stray.tries - 1)) == 0:
                text = f"ALARM: {stray.machine.id} still costs money after its end was asked for {stray.tries} times"
                log.error("pool %s: %s: %s", runtime.pool.name, text, error or "the provider accepted each")
                await self._say(runtime, f"{text}: {error or 'the provider accepted each'}")
        return tuple(asked)

    async def _say(self, runtime: PoolRuntime, text: str) -> None:
        event = self._core.event(SYSTEM, f"pool:{runtime.pool.name}", text)
        await self._core.db(self._core.store.add_event, event)


def _tries(known: dict[str, Stray], stray: Stray) -> int:
    return known[stray.machine.id].tries if stray.machine.id in known else 0


def _shown(stray: Stray) -> str:
    machine = stray.machine
    return f"machine {machine.id} ({machine.node_type or machine.kind}, {machine.market}, {machine.zone}), {stray.why}"
