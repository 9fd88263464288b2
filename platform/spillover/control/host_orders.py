"""Operators' orders about hosts, and what they see of them. Orders only leave wishes; the reconciler does the rest."""

from __future__ import annotations

import difflib

from ..domain.access import Caller, Role
from ..domain.answers import HostView, Page
from ..domain.host import HostState, HostStatus, HostTarget
from ..domain.questions import HostQuery
from ..errors import BadRequest, Forbidden, NotFound
from .core import Core
from .paging import page


class HostOrders:
    """Shows, repairs and drains."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def hosts(self, caller: Caller, query: HostQuery) -> Page[HostView]:
        """The hosts of pools that name them one by one, as their cluster YAMLs do: the head first."""
        self._check(caller)
        if query.pool is not None and query.pool not in self._core.pools:
            raise BadRequest(self._no_pool(query.pool))
        if query.pool is not None:
            self._hosts_of(query.pool)
        known = {(state.pool, state.host): state for state in await self._core.db(self._core.store.hosts)}
        found = [
            _view(known.get((name, host.name)) or HostState(name, host.name, host.kind))
            for name, runtime in self._core.pools.items()
            if runtime.hosts and query.pool in {None, name}
            for host in runtime.hosts.hosts()
        ]
        return page(found, query.limit, query.after)

    async def repair(self, caller: Caller, pool: str, host: str) -> str:
        """Try a host that is missing now, whatever its back-off."""
        state = await self._worker(caller, pool, host, "repaired")
        if state.target is HostTarget.DRAINED:
            raise BadRequest(f"Host {host} is drained; `spillover undrain {pool} {host}` brings it back.")
        if state.status is HostStatus.UP:
            return f"Host {host} is up: there is nothing to repair."
        await self._ask(caller, state, "repair asked for", None)
        return f"Host {host} is being tried now; `spillover hosts {pool}` shows how it goes."

    async def drain(self, caller: Caller, pool: str, host: str) -> str:
        """Have nothing new begin on a host, and Ray ended there once what runs has ended."""
        state = await self._worker(caller, pool, host, "drained")
        if state.target is HostTarget.DRAINED:
            return f"Host {host} is {state.status} already."
        await self._ask(caller, state, "drain asked for", HostTarget.DRAINED)
        return f"Host {host} takes nothing new; once its jobs have ended it is drained, as `spillover hosts` shows."

    async def undrain(self, caller: Caller, pool: str, host: str) -> str:
        """Bring a drained host back."""
        state = await self._worker(caller, pool, host, "drained")
        if state.target is HostTarget.UP:
            return f"Host {host} is not drained: it is {state.status}."
        await self._ask(caller, state, "undrain asked for", HostTarget.UP)
        return f"Host {host} joins pool '{pool}' again."

    @staticmethod
    def _check(caller: Caller) -> None:
        if not caller.role.allows(Role.OPERATOR):
            raise Forbidden(f"Forbidden: this takes the role operator; yours is {caller.role}.")

    def _no_pool(self, pool: str) -> str:
        near = difflib.get_close_matches(pool, self._core.pools, n=1)
        return f"There is no pool '{pool}'; " + (
            f"did you mean '{near[0]}'?" if near else f"there are {', '.join(self._core.pools)}."
        )

    def _hosts_of(self, pool: str) -> dict[str, str]:
        if pool not in self._core.pools:
            raise NotFound(self._no_pool(pool))
        hosts = self._core.pools[pool].hosts
        if hosts is None:
            raise BadRequest(f"Pool '{pool}' does not name its hosts: its cluster YAML has no `provider: type: local`.")
        return {host.name: host.kind for host in hosts.hosts()}

    async def _worker(self, caller: Caller, pool: str, host: str, done: str) -> HostState:
        self._check(caller)
        kinds = self._hosts_of(pool)
        if host not in kinds:
            raise NotFound(f"Pool '{pool}' has no host '{host}'; it has {', '.join(kinds)}.")
        if kinds[host] == "head":
            raise BadRequest(
                f"Host {host} is the head of pool '{pool}' and is not {done} by itself; "
                f"`spillover fold {pool}` takes the pool down, and a baseline pool is raised again."
            )
        known = {state.host: state for state in await self._core.db(self._core.store.hosts, pool)}
        return known.get(host) or HostState(pool, host)

    async def _ask(self, caller: Caller, state: HostState, text: str, target: HostTarget | None) -> None:
        event = self._core.event(caller.user, f"pool:{state.pool}", f"host {state.host}: {text}")
        repair_at = None if target is HostTarget.DRAINED else self._core.clock.now()
        await self._core.db(self._core.store.ask_of_host, state.pool, state.host, event, target, repair_at)
        self._core.wake.set()


def _view(state: HostState) -> HostView:
    return HostView(
        pool=state.pool,
        host=state.host,
        role=state.kind,
        status=state.status.value,
        target=state.target.value,
        since=state.since or None,
        node_id=state.node_id or None,
        problem=state.problem,
        retry_at=state.retry_at,
    )
