"""Serve on a fake cluster, and a data plane that only remembers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fakes import FakeCluster

from spillover.domain.serving import BackendLoad, RouteLoad, Served, SiteDetails, Table
from spillover.errors import DataPlaneError, PoolRefused


@dataclass
class FakeServe:
    """ports.ServeSite. Replicas come up when the test says so; `lingers` keeps replicas that should go."""

    cluster: FakeCluster
    entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    up: dict[str, int] = field(default_factory=dict)
    lingers: dict[str, int] = field(default_factory=dict)
    status: dict[str, tuple[str, str]] = field(default_factory=dict)
    deploys: int = 0
    refuses: str = ""
    listening: dict[str, tuple[tuple[str, int], ...]] = field(default_factory=dict)
    _session: str = ""

    def _check(self) -> None:
        self.cluster._check()
        if self._session != self.cluster.session:  # what ran there is gone with the head
            self._session, self.entries, self.up = self.cluster.session, {}, {}

    async def deploy(self, applications: Sequence[Mapping[str, Any]], host: str, port: int) -> None:
        self._check()
        if self.refuses:
            raise PoolRefused(self.refuses)
        self.deploys += 1
        self.entries = {entry["name"]: dict(entry) for entry in applications}
        self.up = {name: min(count, self.wanted(name)) for name, count in self.up.items() if name in self.entries}

    async def details(self) -> SiteDetails:
        self._check()
        names = {*self.entries, *(n for n, c in self.lingers.items() if c)}
        return SiteDetails({name: self._details(name) for name in names}, dict(self.listening))

    def wanted(self, name: str) -> int:
        """Replicas of its deployment that it was told of."""
        return int(self.entries[name]["deployments"][0]["num_replicas"]) if name in self.entries else 0

    def come_up(self, name: str) -> None:
        """All replicas that it was told of answer."""
        self.up[name] = self.wanted(name)

    def _details(self, name: str) -> dict[str, Any]:
        states = ["RUNNING"] * self.up.get(name, 0) + ["STOPPING"] * self.lingers.get(name, 0)
        status, message = self.status.get(name, ("RUNNING", ""))
        replicas = [{"state": state} for state in states]
        return {
            "name": name,
            "status": status,
            "message": message,
            "deployments": {"D": {"replicas": replicas}},
            "deployed_app_config": self.entries.get(name),
        }


@dataclass
class FakePlane:
    """ports.DataPlane. The test says how many requests are where; `told` are the tables that were new."""

    table: Table = field(default_factory=Table)
    told: list[Table] = field(default_factory=list)
    queued: dict[str, int] = field(default_factory=dict)
    ongoing: dict[tuple[str, str], int] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)
    log: list[Served] = field(default_factory=list)
    broken: str = ""

    async def apply(self, table: Table) -> None:
        if self.broken:
            raise DataPlaneError(self.broken)
        if table != self.table:
            self.told.append(table)
        self.table = table

    async def load(self) -> Mapping[str, RouteLoad]:
        return {
            route.application: RouteLoad(
                route.application,
                self.queued.get(route.application, 0),
                tuple(
                    BackendLoad(b.pool, self.ongoing.get((route.application, b.pool), 0), b.pool not in self.down)
                    for b in route.backends
                ),
            )
            for route in self.table.routes
        }

    async def served(self, mark: str) -> tuple[Sequence[Served], str]:
        begin = int(mark or 0)
        batch = self.log[begin : begin + 100]
        return batch, str(begin + len(batch)) if batch else mark

    async def stop(self) -> None:
        self.table = Table()

    def doors(self, application: str) -> dict[str, str]:
        """What each pool's door says, in the order in which they are tried."""
        routes = [route for route in self.table.routes if route.application == application]
        return {b.pool: b.door.value for route in routes for b in route.backends}
