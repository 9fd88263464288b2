"""Hosts in memory, named one by one: they fail on demand, and join a FakeCluster."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fakes import FakeCluster
from world import World, running_world

from spillover.domain.host import Finding, Host, HostReport, HostState
from spillover.domain.pool import Node
from spillover.domain.resources import Resources
from spillover.errors import LauncherError

HEAD, ONE, TWO = "127.0.0.9", "127.0.1.1", "127.0.1.2"


@dataclass
class FakeHosts:
    """ports.Hosts. `bad` says what is wrong with a host, `warned` what is not quite right."""

    cluster: FakeCluster
    bad: dict[str, str] = field(default_factory=dict)
    warned: dict[str, str] = field(default_factory=dict)
    fail_start: str = ""
    fail_stop: str = ""
    fail_drain: str = ""
    joins: bool = True
    checks: list[str] = field(default_factory=list)
    starts: list[str] = field(default_factory=list)
    stops: list[str] = field(default_factory=list)
    drains: list[str] = field(default_factory=list)
    when_starting: Callable[[], None] | None = None

    def hosts(self) -> Sequence[Host]:
        return (Host(HEAD, "head"), Host(ONE, "worker"), Host(TWO, "worker"))

    async def check(self, host: str) -> HostReport:
        self.checks.append(host)
        here = next((node.node_id for node in self.cluster.nodes if node.ip == host), "")
        found = [Finding(self.bad[host])] if host in self.bad else []
        found += [Finding(self.warned[host], fatal=False)] if host in self.warned else []
        return HostReport(host, tuple(found), {"node_id": here})

    async def start(self, host: str) -> str:
        self.starts.append(host)
        if self.fail_start:
            raise LauncherError(self.fail_start)
        node_id = f"{host}-n{self.starts.count(host)}"
        if self.joins:
            self.lose(host)
            self.cluster.nodes.append(Node(node_id, host, "worker", Resources({"CPU": 2})))
        if self.when_starting:
            self.when_starting()
        return node_id

    async def stop(self, host: str) -> None:
        self.stops.append(host)
        if self.fail_stop:
            raise LauncherError(self.fail_stop)

    async def drain(self, node_id: str, deadline_s: float, why: str) -> None:
        if self.fail_drain:
            raise LauncherError(self.fail_drain)
        self.drains.append(node_id)

    def lose(self, host: str) -> None:
        """Its Ray node is gone from the cluster."""
        self.cluster.nodes[:] = [node for node in self.cluster.nodes if node.ip != host or node.is_head]


@dataclass
class Site:
    """A world with one pool of three hosts."""

    world: World
    hosts: FakeHosts

    def state(self, host: str) -> HostState:
        known = {state.host: state for state in self.world.store.hosts("onprem")}
        return known.get(host) or HostState("onprem", host)

    def status(self, host: str) -> str:
        return str(self.state(host).status)

    def events(self, host: str) -> list[str]:
        """Its history, oldest first."""
        begin = f"host {host}: "
        return [text.removeprefix(begin) for text in self.world.events("pool:onprem") if text.startswith(begin)]

    def attach(self) -> None:
        """Let the Spillover of the moment know the hosts."""
        self.world.control.core.pools["onprem"].hosts = self.hosts

    async def restart(self) -> None:
        """kill -9, and up again."""
        await self.world.die()
        self.world.start()
        self.attach()

    async def until(self, host: str, status: str, ticks: int = 60) -> HostState:
        await self.world.until(lambda: self.status(host) == status, ticks)
        return self.state(host)


@contextlib.asynccontextmanager
async def site(folder: Path, **options: Any) -> AsyncIterator[Site]:
    """A running Spillover with a head and two workers that are yet to be started."""
    async with running_world(folder, **options) as world:
        cluster = world.clusters["onprem"]
        cluster.nodes[:] = [node for node in cluster.nodes if node.is_head]
        made = Site(world, FakeHosts(cluster))
        made.attach()
        yield made
