"""Keeps the hosts of pools that name them one by one: joined, tried again with back-off, or drained, step by step.

The head comes and goes with its pool; it is only shown here.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from ..domain.host import Host, HostState, HostStatus, HostTarget
from ..domain.pool import Node, PoolState, PoolStatus
from ..errors import PoolError
from ..ports import Hosts
from .core import SYSTEM, Core, PoolRuntime

log = logging.getLogger(__name__)

JOIN_S = 90.0
DRAIN_S = 30 * 86_400.0
"""Ray wants a moment at which a draining node is taken away. Without one, Ray Train takes it for two minutes from now;
with a distant one, training goes on to its end, or moves at a checkpoint of its own choice."""

_FIRST_RETRY_S = 5.0
_LONGEST_RETRY_S = 120.0
_NOT_RUNNING = {PoolStatus.DOWN, PoolStatus.RAISING}


class HostKeeper:
    """Steps of hosts. A host is stepped by one task at a time."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def keys(self) -> list[str]:
        """All hosts, as steps are asked for."""
        pools = self._core.pools.items()
        return [f"{name} {host.name}" for name, runtime in pools if runtime.hosts for host in runtime.hosts.hosts()]

    async def step(self, key: str) -> None:
        """Move a host one step towards where it should be."""
        name, _, host_name = key.partition(" ")
        runtime = self._core.pools[name]
        hosts, pool = runtime.hosts, await self._pool(name)
        found = next((h for h in hosts.hosts() if h.name == host_name), None) if hosts else None
        if hosts is None or found is None:
            return
        host = await self._host(name, found)
        if pool.status in _NOT_RUNNING:
            await self._rest(host, pool)
        elif pool.status is PoolStatus.UNREACHABLE and host.kind == "head" and host.status is HostStatus.UP:
            await self._save(_at(host, HostStatus.MISSING, self._core.clock.now(), problem=pool.message))
        elif pool.status is PoolStatus.UP and runtime.seen is not None:
            node = node_of(runtime, host)
            if host.kind == "head":
                await self._show_head(host, node)
            elif host.target is HostTarget.DRAINED:
                await self._drain(runtime, hosts, host, node)
            else:
                await self._keep(runtime, hosts, host, node)

    async def _pool(self, name: str) -> PoolState:
        return (await self._core.db(self._core.store.pool_states)).get(name) or PoolState(name)

    async def _host(self, pool: str, host: Host) -> HostState:
        known = {state.host: state for state in await self._core.db(self._core.store.hosts, pool)}
        return replace(known.get(host.name) or HostState(pool, host.name), kind=host.kind)

    async def _save(self, host: HostState, text: str = "") -> HostState:
        event = self._core.event(SYSTEM, f"pool:{host.pool}", f"host {host.host}: {text}") if text else None
        await self._core.db(self._core.store.save_host, host, event)
        self._core.wake.set()
        return host

    # its pool is not up, or it is the head

    async def _rest(self, host: HostState, pool: PoolState) -> None:
        drained = host.target is HostTarget.DRAINED
        status = HostStatus.DRAINED if drained else HostStatus.DOWN
        problem = pool.message if host.kind == "head" and pool.failures else host.problem if drained else ""
        if (host.status, host.problem) != (status, problem):
            since = host.since if host.status is status else self._core.clock.now()
            await self._save(_at(host, status, since, problem=problem))

    async def _show_head(self, host: HostState, node: Node | None) -> None:
        if node is not None and (host.status, host.node_id) != (HostStatus.UP, node.node_id):
            await self._save(_at(host, HostStatus.UP, self._core.clock.now(), node_id=node.node_id))

    # it should be up

    async def _keep(self, runtime: PoolRuntime, hosts: Hosts, host: HostState, node: Node | None) -> None:
        now = self._core.clock.now()
        if node is not None and host.status is HostStatus.DRAINING:
            await self._note(host, "told to stay after all: it joins again once what runs there has ended")
        elif node is not None:
            await self._joined(host, node)
        elif host.status is HostStatus.UP:
            missing = _at(host, HostStatus.MISSING, now, problem=f"Ray node {host.node_id[:8]} is gone")
            await self._save(missing, f"lost: Ray node {host.node_id} is gone; it is tried again")
        elif host.status is HostStatus.JOINING:
            if now - host.since > JOIN_S:
                await self._failed(host, f"Ray was started there, and has not joined for {now - host.since:.0f} s")
        elif now >= (host.retry_at or 0.0) or (host.repair_asked_at or 0.0) > host.since:
            await self._start(runtime, hosts, host)

    async def _joined(self, host: HostState, node: Node) -> None:
        if host.status is HostStatus.UP and host.node_id == node.node_id:
            return
        now = self._core.clock.now()
        # What a check has found to be less than right stays in sight
        warning = host.problem if host.status is HostStatus.JOINING else ""
        up = _at(host, HostStatus.UP, now, node_id=node.node_id, problem=warning)
        await self._save(up, f"up as Ray node {node.node_id}")

    async def _start(self, runtime: PoolRuntime, hosts: Hosts, host: HostState) -> None:
        host = await self._save(replace(host, status=HostStatus.STARTING, since=self._core.clock.now()))
        report = await hosts.check(host.host)
        node_id = str(report.facts.get("node_id") or "")
        if runtime.seen is not None and any(node.node_id == node_id for node in runtime.seen.nodes):
            # A start that a crash broke off was done after all
            await self._save(replace(host, status=HostStatus.JOINING, node_id=node_id))
            return
        if not report.ok:
            await self._failed(host, report.problem)
            return
        try:
            node_id = await hosts.start(host.host)
        except PoolError as error:
            await self._failed(host, str(error).removeprefix(f"{host.host}: "))
            return
        joining = _at(host, HostStatus.JOINING, self._core.clock.now(), node_id=node_id, problem=report.problem)
        warning = f", but: {report.problem}" if report.problem else ""
        await self._save(joining, f"Ray was started there{warning}")

    async def _failed(self, host: HostState, why: str) -> None:
        now, failures = self._core.clock.now(), host.failures + 1
        delay = min(_LONGEST_RETRY_S, _FIRST_RETRY_S * 2.0 ** (failures - 1))
        missing = replace(_at(host, HostStatus.MISSING, now, problem=why), failures=failures, retry_at=now + delay)
        # The same again and again is in the table; the history has what is new
        text = f"not in the cluster, tried again in {delay:.0f} s: {why}"
        await self._save(missing, text if why != host.problem else "")

    # it should be drained

    async def _drain(self, runtime: PoolRuntime, hosts: Hosts, host: HostState, node: Node | None) -> None:
        now = self._core.clock.now()
        if node is None:
            if host.status is not HostStatus.DRAINED:
                await self._stop(hosts, host)
        elif host.status is HostStatus.DRAINING and host.node_id == node.node_id:
            await self._note(host, _waits_for(runtime, node))
        elif now >= (host.retry_at or 0.0) or host.status is not HostStatus.DRAINING:
            try:
                await hosts.drain(node.node_id, DRAIN_S, "drained for maintenance")
            except PoolError as error:
                failing = replace(host, status=HostStatus.DRAINING, since=now, node_id="", problem=str(error))
                text = f"cannot be drained yet: {error}" if host.problem != failing.problem else ""
                await self._save(replace(failing, retry_at=now + _FIRST_RETRY_S), text)
                return
            draining = _at(host, HostStatus.DRAINING, now, node_id=node.node_id, problem=_waits_for(runtime, node))
            await self._save(draining, "draining: nothing new begins there, what runs there goes on")

    async def _stop(self, hosts: Hosts, host: HostState) -> None:
        problem = ""
        try:
            await hosts.stop(host.host)
        except PoolError as error:
            # Its node is gone from the cluster, so nothing is there that counts; the next start ends what is left
            problem = f"what is left of Ray there could not be ended: {error}"
        drained = _at(host, HostStatus.DRAINED, self._core.clock.now(), problem=problem)
        await self._save(drained, "drained: Ray does not run there" if not problem else f"drained; {problem}")

    async def _note(self, host: HostState, problem: str) -> None:
        if host.problem != problem:
            await self._save(replace(host, problem=problem))


def node_of(runtime: PoolRuntime, host: HostState) -> Node | None:
    """The host's live Ray node: the one that was started there, else the youngest that has its address."""
    nodes = runtime.seen.nodes if runtime.seen else ()
    if host.kind == "head":
        return next((node for node in nodes if node.is_head), None)
    here = [node for node in nodes if not node.is_head and host.host == node.ip]
    named = next((node for node in nodes if node.node_id == host.node_id), None)
    return named or max(here, key=lambda node: node.started_at, default=None)


def _at(host: HostState, status: HostStatus, since: float, node_id: str = "", problem: str = "") -> HostState:
    """The host in another state, with nothing left of the one before."""
    return replace(
        host, status=status, since=since, node_id=node_id, problem=problem,
        failures=host.failures if status is HostStatus.JOINING else 0, retry_at=None,
    )  # fmt: skip


def _waits_for(runtime: PoolRuntime, node: Node) -> str:
    owners = {use.owner for use in (runtime.seen.usage if runtime.seen else ()) if use.node_id == node.node_id}
    if not owners:
        return "waits for Ray to find it idle"
    names = sorted(owner for owner in owners if owner)
    foreign = ["work that did not come through Spillover"] if None in owners else []
    return f"waits for {', '.join([*names, *foreign])}"
