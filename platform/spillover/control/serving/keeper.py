"""Keeps applications served: as many replicas as the plan says, each a job of its own, and routes to those that run."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...domain.job import Attempt, Job, JobStatus, JobTarget, JobView
from ...domain.pool import PoolRole, PoolStatus
from ...domain.serving import Application, Route
from ...errors import DuplicateJob
from ...placement.serving import Memory, Plan, Seen, plan
from ..core import SYSTEM, Core
from .block import demand_of
from .metering import RequestMeter
from .replicas import application_of, make_replica, role_of
from .routing import Gate, route_of
from .sites import PoolServe
from .state import AppState

log = logging.getLogger(__name__)

_TRY_AGAIN_S = 600.0
"""After Serve could not deploy an application it is tried again so much later, or with its next deploy."""

_ORDER = {JobStatus.QUEUED: 0, JobStatus.UNREACHABLE: 1, JobStatus.STARTING: 2, JobStatus.RUNNING: 3}

Replica = tuple[Job, Attempt | None]


@dataclass(frozen=True)
class Failed:
    """A replica that Serve could not deploy: no other one is made for `generation` until then."""

    generation: int
    until: float
    job: Job


class Keeper:
    """One look at all applications after the other."""

    def __init__(self, core: Core, sites: Mapping[str, PoolServe], gate: Gate, meter: RequestMeter) -> None:
        self._core = core
        self._sites = sites
        self._gate = gate
        self._meter = meter
        self._memories: dict[str, Memory] = {}
        self._plans: dict[str, Plan] = {}
        self._before: dict[str, set[str]] = {}
        self._failed: dict[tuple[str, PoolRole], Failed] = {}

    @property
    def busy(self) -> bool:
        """Whether anything is served."""
        return bool(self._plans)

    async def look(self) -> None:
        """Plan for every application, make and stop replicas, tell the data plane. Each step can be repeated."""
        applications = await self._core.db(self._core.store.applications)
        if not applications and not self._before:
            return
        await self._meter.read()
        await self._gate.look()
        replicas, addresses = await self._replicas(), await self._addresses()
        routes = [await self._step(a, replicas.get(a.name, []), addresses) for a in applications]
        await self._gate.set([r for r in routes if r], await self._core.db(self._core.store.api_keys))
        self._before = {name: {job.submission_id for job, _ in here} for name, here in replicas.items()}
        if not applications:
            self._before = {}

    async def states(self) -> Sequence[AppState]:
        """All applications as they are now."""
        replicas = await self._replicas()
        return [self._state(a, replicas.get(a.name, [])) for a in await self._core.db(self._core.store.applications)]

    def _state(self, application: Application, here: Sequence[Replica]) -> AppState:
        name, load = application.name, self._gate.loads.get(application.name)
        return AppState(
            application,
            [*(JobView(job, attempt) for job, attempt in here), *self._failures(application)],
            {
                pool: site.said.applications[name]
                for pool, site in self._sites.items()
                if name in site.said.applications
            },
            self._plans[name].sentence if name in self._plans else "",
            load.queued if load else 0,
            {b.pool: b.ongoing for b in load.backends} if load else {},
        )

    def _failures(self, application: Application) -> list[JobView]:
        """Replicas that its newest deploy could not bring up, as long as that is remembered."""
        found = [self._failed.get((application.name, role)) for role in PoolRole]
        return [JobView(f.job, None) for f in found if f and f.generation == application.generation]

    async def _replicas(self) -> dict[str, list[Replica]]:
        """Replicas that have not ended, by application, oldest first."""
        store, db = self._core.store, self._core.db
        live = {a.submission_id: a for a in await db(store.live_attempts)}
        found: dict[str, list[Replica]] = defaultdict(list)
        for job in await db(store.replicas):
            if name := application_of(job):
                found[name].append((job, live.get(job.submission_id)))
        return found

    async def _addresses(self) -> dict[str, str]:
        """Of the dashboards of pools that are up."""
        states = await self._core.db(self._core.store.pool_states)
        found = {}
        for name, runtime in self._core.pools.items():
            state = states.get(name)
            address = runtime.pool.address or (state.address if state else None)
            if address and state and state.status is PoolStatus.UP:
                found[name] = address
        return found

    async def _step(
        self, application: Application, here: Sequence[Replica], addresses: Mapping[str, str]
    ) -> Route | None:
        if application.target is JobTarget.STOP:
            await self._take_down(application, here)
            spill = True
        else:
            await self._note_failures(application, here)
            planned = await self._plan(application, here)
            for role in PoolRole:
                await self._adjust(application, role, [r for r in here if role_of(r[0]) is role], planned.of(role))
            spill = planned.spill
        route = route_of(self._core, application, here, addresses, await self._listening(application), spill=spill)
        return route if here or application.target is JobTarget.RUN else None

    async def _listening(self, application: Application) -> dict[str, tuple[tuple[str, int], ...]]:
        """Where replicas listen themselves, by pool."""
        return {pool: await site.replicas(application.name) for pool, site in self._sites.items()}

    async def _take_down(self, application: Application, here: Sequence[Replica]) -> None:
        name = application.name
        for job, _ in here:
            await self._stop(job, f"application {name} is taken down")
        if not here:
            event = self._core.event(SYSTEM, f"serve:{name}", "taken down")
            await self._core.db(self._core.store.delete_application, name, event)
            for kept in (self._memories, self._plans):
                kept.pop(name, None)

    async def _plan(self, application: Application, here: Sequence[Replica]) -> Plan:
        name, before = application.name, self._plans.get(application.name)
        seen = self._seen(application, here)
        memory = self._memories.get(name) or Memory(wanted=len(here), peaks=((seen.at, float(len(here))),))
        planned, self._memories[name] = plan(application.terms, seen, memory)
        self._plans[name] = planned
        if before is not None and before.spill != planned.spill:
            event = self._core.event(SYSTEM, f"serve:{name}", planned.sentence)
            await self._core.db(self._core.store.add_event, event)
        return planned

    def _seen(self, application: Application, here: Sequence[Replica]) -> Seen:
        load = self._gate.loads.get(application.name)
        down = {b.pool for b in load.backends if not b.up} if load else set()
        running = [(j, a) for j, a in here if j.status is JobStatus.RUNNING and a]
        answering = [j for j, a in running if a.pool not in down]
        rented = [j for j in answering if role_of(j) is PoolRole.BURST]
        waiting = [j for j, _ in here if self._waits(j)]
        missing = [*waiting, *(j for j, a in running if a.pool in down)]
        return Seen(
            at=self._core.clock.now(),
            in_system=load.queued + load.ongoing if load else 0,
            working=len(answering) - len(rented),
            rented=len(rented),
            service_s=self._meter.service_s(application.name),
            missing=sum(role_of(j) is PoolRole.BASELINE for j in missing),
        )

    def _waits(self, job: Job) -> bool:
        """Whether a replica cannot be counted on: what starts before a rented one could is worth waiting for."""
        if job.status is JobStatus.QUEUED and job.expected_start_at is not None:
            burst = (r.pool.startup_s for r in self._core.pools.values() if r.pool.role is PoolRole.BURST)
            return job.expected_start_at - self._core.clock.now() > min(burst, default=0.0)
        return job.status is JobStatus.UNREACHABLE or (job.status is JobStatus.QUEUED and bool(job.wait_reason))

    async def _adjust(self, application: Application, role: PoolRole, here: Sequence[Replica], wanted: int) -> None:
        """Make replicas that are missing; stop those that are too many, or that an earlier deploy asked for."""
        pools = self._pools(application, role)
        demand = demand_of(application)
        pattern = make_replica(application, role, pools, demand, 0.0)
        staying = [r for r in here if r[0].target is JobTarget.RUN]
        fresh = [r for r in staying if (r[0].demand, r[0].hints) == (demand, pattern.hints)]
        stale = [r for r in staying if r not in fresh]
        for _ in range(wanted - len(fresh)):
            await self._make(application, role, pools)
        surplus = sorted(fresh, key=lambda r: (_ORDER[r[0].status], -r[0].submitted_at))[: max(0, len(fresh) - wanted)]
        for job, _ in surplus:
            await self._stop(job, f"{application.name} needs {wanted} on {role.value} pools")
        if sum(job.status is JobStatus.RUNNING for job, _ in fresh) >= wanted:
            for job, _ in stale:
                await self._stop(job, "replaced by one of the newest deploy")

    def _pools(self, application: Application, role: PoolRole) -> list[str]:
        """Names of the pools of a role that may serve the application."""
        named = application.terms.pools
        return [
            name
            for name, runtime in self._core.pools.items()
            if runtime.pool.role is role and runtime.serve is not None and (not named or name in named)
        ]

    async def _make(self, application: Application, role: PoolRole, pools: Sequence[str]) -> None:
        failed, now = self._failed.get((application.name, role)), self._core.clock.now()
        if not pools or (failed and failed.generation == application.generation and now < failed.until):
            return
        job = make_replica(application, role, pools, demand_of(application), now)
        event = self._core.event(SYSTEM, job.submission_id, f"a replica of {application.name} for {', '.join(pools)}")
        try:
            await self._core.db(self._core.store.add_job, job, event)
        except DuplicateJob:
            return  # the next look takes another name
        self._core.wake.set()

    async def _stop(self, job: Job, why: str) -> None:
        if job.target is JobTarget.RUN:
            event = self._core.event(SYSTEM, job.submission_id, f"asked to stop: {why}")
            await self._core.db(self._core.store.set_target_stop, job.submission_id, event)

    async def _note_failures(self, application: Application, here: Sequence[Replica]) -> None:
        """Replicas that were live at the last look and are not any more: some could not be deployed at all."""
        gone = self._before.get(application.name, set()) - {job.submission_id for job, _ in here}
        for submission_id in gone:
            job = await self._core.db(self._core.store.job, submission_id)
            if job is not None and job.status is JobStatus.FAILED:
                until = self._core.clock.now() + _TRY_AGAIN_S
                self._failed[application.name, role_of(job)] = Failed(application.generation, until, job)
