"""A whole Spillover around fakes: real store, real control, clusters in memory, time by hand."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fake_cloud import CloudLauncher, FakeCloud
from fake_serve import FakePlane, FakeServe
from fakes import Audit, FakeCluster, FakeLauncher, ManualClock
from sqlalchemy import event

from spillover.adapters.seal import Sealer
from spillover.adapters.sql_base import open_engine, sqlite_url
from spillover.adapters.sql_store import SqlStore
from spillover.bootstrap.serving import make_metering
from spillover.control.assembly import Control, assemble
from spillover.control.bills import Compare
from spillover.control.core import ControlSettings, Core, PoolRuntime
from spillover.control.moving import Moves
from spillover.domain.access import EVERY_TEAM, Caller, Role
from spillover.domain.answers import Comparison
from spillover.domain.decision import Decision
from spillover.domain.job import Attempt, Job, SubmitRequest
from spillover.domain.money import NANOS
from spillover.domain.past import PastJob
from spillover.domain.pool import Market, Node, NodeType, Pool, PoolKind, PoolRole, PoolState
from spillover.domain.resources import Demand, Resources, parse_bundles
from spillover.placement.policies import Policy, make_policy
from spillover.placement.snapshot import Snapshot

ALICE = Caller("alice", "search")
AMY = Caller("amy", "search")
BOB = Caller("bob", "ads")
VIC = Caller("vic", "search", Role.VIEWER)
EVA = Caller("eva", EVERY_TEAM, Role.VIEWER)
OPAL = Caller("opal", "ads", Role.OPERATOR)
ROOT = Caller("root", "search", Role.ADMIN)
LINK_KEY = b"k" * 32
WORKER = NodeType("worker", Resources({"CPU": 2}), Market.OWNED, 0.36, 2)


def make_pool(name: str = "onprem", **changes: Any) -> Pool:
    """An owned pool that we raise, of two workers with two CPUs each; a head of CPU 0 besides."""
    pool = Pool(name, PoolKind.LAUNCHED, PoolRole.BASELINE, (WORKER,), head_price_usd_per_hour=0.036, dashboard_port=1)
    return replace(pool, **changes)


def attached(name: str = "dc", **changes: Any) -> Pool:
    """An owned pool that others run."""
    return make_pool(name, kind=PoolKind.ATTACHED, address="http://127.0.0.8:1", **changes)


def burst(name: str = "cloud", **changes: Any) -> Pool:
    """A rented pool."""
    node_type = NodeType("rented", Resources({"CPU": 4}), Market.ON_DEMAND, 3.6, 2)
    return make_pool(name, role=PoolRole.BURST, **{"node_types": (node_type,), **changes})


def rented(name: str = "cloud", **changes: Any) -> Pool:
    """A rented pool whose provider can be asked for its machines."""
    return burst(name, **{"settle_s": 30.0, **changes})


def nodes_of(pool: Pool) -> list[Node]:
    """A head without CPU and every worker that the pool may have."""
    head = Node(f"{pool.name}-head", "127.0.0.9", "head", Resources({"memory": 1e9}), is_head=True)
    workers = [
        Node(f"{pool.name}-{t.name}-{i}", f"127.0.1.{i + 1}", t.name, t.resources)
        for t in pool.node_types
        for i in range(t.max_nodes)
    ]
    return [head, *workers]


async def as_it_is(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """A Serve config file in which Ray would find nothing wrong, and nothing to leave out."""
    return config


@dataclass
class World:
    """Clusters and time, which outlive a Spillover; and the Spillover of the moment."""

    folder: Path
    pools: Sequence[Pool]
    settings: ControlSettings
    policy: Policy
    clock: ManualClock
    audit: Audit
    clusters: dict[str, FakeCluster]
    launchers: dict[str, FakeLauncher]
    clouds: dict[str, FakeCloud]
    moves: Moves
    shadow: Policy | None
    serves: dict[str, FakeServe]
    plane: FakePlane = field(default_factory=FakePlane)
    wrap_store: Callable[[SqlStore], Any] = lambda store: store
    control: Control = field(init=False)
    store: SqlStore = field(init=False)

    def start(self) -> None:
        """A Spillover starts on what the last one left."""
        self.store = open_fast(self.folder)
        self.store.release_all()
        runtimes = {
            p.name: PoolRuntime(
                p,
                self.clusters[p.name],
                self.launchers.get(p.name),
                self.clouds.get(p.name),
                serve=self.serves[p.name],
            )
            for p in self.pools
        }
        wrapped = self.wrap_store(self.store)
        core = InlineCore(
            wrapped,
            self.clock,
            self.settings,
            self.policy,
            runtimes,
            self.folder,
            "http://127.0.0.1:7265",
            shadow=self.shadow,
            dataplane=self.plane,
        )
        metering = make_metering(core)
        self.control = assemble(core, LINK_KEY, metering.run, Compare(no_replay, 100), self.moves, as_it_is)

    async def die(self) -> None:
        """It ends wherever it happens to be."""
        loop = self.control.loop
        await loop._jobs.close()
        await loop._pools.close()
        await loop._machines.close()
        await loop._passes.close()
        await self.control.close()
        self.store.close()

    async def restart(self) -> None:
        """kill -9, and up again."""
        await self.die()
        self.start()

    async def tick(self, times: int = 1, seconds: float = 1.0) -> None:
        """Rounds of the control loop, each followed by so much time."""
        for _ in range(times):
            self.control.core.wake.clear()
            await self.control.loop.tick()
            await self.control.loop.settle()
            self.clock.advance(seconds)

    async def submit(
        self, submission_id: str, *, caller: Caller = ALICE, env: Mapping[str, Any] | None = None, **said: str
    ) -> str:
        """Submit a job that says `spillover/KEY: value` (underscores stand for dashes) and runs `python ID.py`."""
        metadata = {f"spillover/{key.replace('_', '-')}": value for key, value in said.items()}
        request = SubmitRequest(f"python {submission_id}.py", dict(env or {}), metadata)
        return await self.control.service.submit(caller, submission_id, request)

    async def running(self, submission_id: str, pool: str = "onprem", **said: Any) -> Attempt:
        """Submit a job and have it run. Pools that others run have answered before."""
        await self.tick()
        await self.submit(submission_id, **said)
        await self.until(lambda: submission_id in self.clusters[pool].runs)
        self.clusters[pool].run(submission_id)
        await self.until(lambda: self.job(submission_id).status == "running")
        return self.attempts(submission_id)[-1]

    async def until(self, holds: Callable[[], bool], ticks: int = 40) -> None:
        """Tick until it holds."""
        for _ in range(ticks):
            if holds():
                return
            await self.tick()
        raise AssertionError(
            f"not after {ticks} ticks: {[(j.submission_id, j.status, j.message) for j in self.store.jobs()]}"
        )

    def job(self, submission_id: str) -> Job:
        """The job as it is stored."""
        job = self.store.job(submission_id)
        assert job is not None
        return job

    def attempts(self, submission_id: str) -> list[Attempt]:
        """Its attempts as they are stored."""
        return self.store.attempts(submission_id)

    def state(self, pool: str = "onprem") -> PoolState:
        """The pool as it is stored."""
        return self.store.pool_states().get(pool) or PoolState(pool)

    def events(self, subject: str) -> list[str]:
        """Texts of its history, oldest first."""
        return [e.text for e in reversed(self.store.events(subject))]


def no_replay(jobs: Sequence[PastJob], spent: Sequence[Mapping[str, Any]]) -> list[Comparison]:
    """Replays are proven elsewhere: here, that the right jobs and sums arrive."""
    usd = sum(row["nano_usd"] for row in spent) / NANOS
    return [Comparison("what happened", len(jobs), 0, 0, usd, 0.0, usd, 0.0, 0.0, 0.0, 0.0)]


class InlineCore(Core):
    """Calls of the store in the loop's own thread, between turns for everybody else: the same order every time."""

    async def db(self, call: Callable[..., Any], *args: Any) -> Any:
        await asyncio.sleep(0)
        found = call(*args)
        await asyncio.sleep(0)
        return found


def open_fast(folder: Path) -> SqlStore:
    """The embedded store, but for the waiting on the disk: nobody pulls the plug on a test."""
    engine = open_engine(sqlite_url(folder / "spillover.db"))
    engine.dispose()
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
    return SqlStore(engine, Sealer.from_file(folder / "seal.key"))


def stay(_snapshot: Snapshot, _policy: Policy) -> Sequence[Decision]:
    """Nothing that runs is moved."""
    return ()


def make_world(
    folder: Path,
    *pools: Pool,
    policy: Policy | None = None,
    wrap_store: Any = None,
    moves: Moves = stay,
    shadow: Policy | None = None,
    **settings: Any,
) -> World:
    """A world with these pools (one owned, launched pool if none are given), and no Spillover yet."""
    clock = ManualClock()
    audit = Audit(clock)
    pools = pools or (make_pool(),)
    launched = [p for p in pools if p.kind is PoolKind.LAUNCHED]
    clouds = {p.name: FakeCloud(clock) for p in launched if p.settle_s}
    clusters = {p.name: FakeCluster(p.name, clock, audit, nodes_of(p), up=p not in launched) for p in pools}
    all_settings = {
        "default_demand": Demand(parse_bundles("1x{CPU:1}")),
        "may_burst": {"search": True, "ads": False},
        **settings,
    }
    return World(
        folder=folder,
        pools=pools,
        settings=ControlSettings(**all_settings),
        policy=policy or make_policy("immediate"),
        clock=clock,
        audit=audit,
        clusters=clusters,
        launchers={
            p.name: CloudLauncher(clusters[p.name], clouds[p.name])
            if p.name in clouds
            else FakeLauncher(clusters[p.name])
            for p in launched
        },
        clouds=clouds,
        moves=moves,
        shadow=shadow,
        serves={name: FakeServe(cluster) for name, cluster in clusters.items()},
        **({"wrap_store": wrap_store} if wrap_store else {}),
    )


@contextlib.asynccontextmanager
async def running_world(folder: Path, *pools: Pool, **options: Any) -> AsyncIterator[World]:
    """A world with a Spillover in it."""
    world = make_world(folder, *pools, **options)
    world.start()
    try:
        yield world
    finally:
        await world.die()
        assert world.audit.doubles == []


async def spin(holds: Callable[[], bool]) -> None:
    """Let other tasks run until it holds."""
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0)
