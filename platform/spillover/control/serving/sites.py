"""Serve on the pools: attempts of replicas are handed to it, watched there and taken away, several at once."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from ...domain.job import Attempt, Job, SubmitRequest
from ...domain.pool import Observation
from ...domain.serving import Application, SiteDetails
from ...errors import PoolRefused, PoolUnreachable
from ...ports import ClusterJob, ClusterVersion
from ..core import Core, PoolRuntime
from ..sending import PackageSender
from .owners import ACTOR, with_owners
from .replicas import application_of, each, multiplied
from .routing import Gate

_LOOK_S = 0.4

SendPackages = Callable[[PoolRuntime, str, Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
"""Brings what a runtime environment of a user refers to to a pool, and returns it as it is to be used there."""

Drained = Callable[[str, str], bool]
"""Whether no request of an application is at a pool any more, and no new one goes there."""


class PoolServe:
    """Serve on one pool, in the shape in which attempts meet a cluster.

    A pool's Serve takes all applications at once: what it is told follows from the attempts that are live there.
    """

    def __init__(self, core: Core, runtime: PoolRuntime, send: SendPackages, drained: Drained) -> None:
        self._core = core
        self._runtime = runtime
        self._send = send
        self._drained = drained
        self._one_at_a_time = asyncio.Lock()
        self._told: dict[str, tuple[int, int]] | None = None  # replicas and generation of each application
        self._leaving: set[str] = set()
        self._asked_at: float | None = None
        self._new = True
        self.said = SiteDetails()

    async def version(self) -> ClusterVersion:
        """Who answers there."""
        return await self._runtime.cluster.version()

    async def submit(self, attempt_id: str, _request: SubmitRequest) -> None:
        """Have the attempt's replica come up."""
        await self._tell()

    async def stop(self, attempt_id: str) -> None:
        """Have the attempt's replica end. Raises PoolRefused while requests would be cut by that."""
        here = await self._here()
        name = next((application_of(job) for a, job in here if a.attempt_id == attempt_id), None)
        # Several may be asked to go at once, and each of them must not take the others for those that stay
        self._leaving = {a.attempt_id for a, _ in here} & (self._leaving | {attempt_id})
        if name and not self._wanted(here)[name] and not self._drained(name, self._runtime.pool.name):
            self._leaving.discard(attempt_id)
            raise PoolRefused(f"requests to {name} are still being answered")
        await self._tell()

    async def job(self, attempt_id: str) -> ClusterJob | None:
        """What became of the attempt's replica."""
        here = await self._here()
        mine = next(((a, job) for a, job in here if a.attempt_id == attempt_id), None)
        if mine is None:
            return None
        await self._ask()
        name = application_of(mine[1]) or ""
        seen, wanted = self.said.applications.get(name), self._wanted(here)[name]
        application = next((a for a in await self._applications() if a.name == name), None)
        if mine[0].stop_sent_at is not None:
            there = max(_whole(seen, application), default=0) if seen else 0
            gone = ClusterJob("STOPPED", message="Its requests have ended.")
            return ClusterJob("RUNNING") if there > wanted else gone
        told = self._told.get(name) if self._told is not None else None
        if seen is None or told != (wanted, application.generation if application else 0):
            await self._tell()
            await self._ask()
            seen = self.said.applications.get(name)
        if seen is None:
            return ClusterJob("PENDING", message="Its replica comes up.")
        mates = [a.attempt_id for a, job in here if application_of(job) == name and a.stop_sent_at is None]
        return _status(seen, mates.index(attempt_id), application)

    async def replicas(self, application: str) -> tuple[tuple[str, int], ...]:
        """Where its replicas here listen themselves, as far as was heard; () if all goes through the pool's proxy.

        Asks if that was never done: after a restart of ours, requests that go straight must not go around for a moment.
        """
        if self._new:
            self._new = False
            with suppress(PoolUnreachable, PoolRefused):
                await self._ask()
        return self.said.replicas.get(application, ())

    async def own(self, seen: Observation) -> Observation:
        """A look at the pool with our attempts as the owners of what their replicas hold."""
        if not any(use.owner and use.owner.startswith(ACTOR) for use in seen.usage):
            return seen
        here = await self._here()
        attempts: dict[str, list[Attempt]] = defaultdict(list)
        for attempt, job in here:
            attempts[application_of(job) or ""].append(attempt)
        return with_owners(seen, attempts, {a.name: a for a in await self._applications()})

    async def _here(self) -> list[tuple[Attempt, Job]]:
        """Live attempts of replicas on this pool, oldest first."""
        store, db, name = self._core.store, self._core.db, self._runtime.pool.name
        jobs = {j.submission_id: j for j in await db(store.replicas)}
        live = [a for a in await db(store.live_attempts) if a.pool == name and a.submission_id in jobs]
        live.sort(key=lambda a: (a.committed_at, a.attempt_id))
        return [(a, jobs[a.submission_id]) for a in live]

    async def _applications(self) -> Sequence[Application]:
        return await self._core.db(self._core.store.applications)

    def _wanted(self, here: Sequence[tuple[Attempt, Job]]) -> Counter[str]:
        """How many replicas of each application there should be: of attempts that were noted as handed over."""
        staying = [
            job
            for a, job in here
            if a.session_name is not None and a.stop_sent_at is None and a.attempt_id not in self._leaving
        ]
        return Counter(application_of(job) or "" for job in staying)

    async def _tell(self) -> None:
        """PUT what should run here."""
        async with self._one_at_a_time:
            wanted = self._wanted(await self._here())
            applications = [a for a in await self._applications() if wanted[a.name]]
            entries = [multiplied(await self._sent(a), wanted[a.name]) for a in applications]
            pool, site = self._runtime.pool, self._runtime.serve
            assert site is not None  # noqa: S101  # only pools with one are given replicas
            await site.deploy(entries, pool.serve_host, pool.serve_port)
            self._told = {a.name: (wanted[a.name], a.generation) for a in applications}
            self._asked_at, self.said = None, replace(self.said, applications={})

    async def _sent(self, application: Application) -> dict[str, Any]:
        env = application.config.get("runtime_env") or {}
        there = await self._send(self._runtime, application.user, env)
        return {**application.config, "runtime_env": dict(there)}

    async def _ask(self) -> None:
        now = self._core.clock.now()
        old = self._asked_at is None or now - self._asked_at >= _LOOK_S
        if old and self._runtime.serve is not None:
            self.said, self._asked_at = await self._runtime.serve.details(), now


def make_sites(core: Core, sender: PackageSender, gate: Gate) -> dict[str, PoolServe]:
    """Serve of all pools that have one. Looks at these pools know our replicas from then on."""
    sites = {name: PoolServe(core, r, sender.send, gate.drained) for name, r in core.pools.items() if r.serve}
    for name, site in sites.items():
        core.pools[name].own = site.own
    return sites


def _whole(
    seen: Mapping[str, Any], application: Application | None, states: Collection[str] | None = None
) -> list[int]:
    """Of each deployment, for how many replicas of the application it has enough replicas in one of these states."""
    listed = (application.config.get("deployments") or ()) if application else ()
    sizes = {raw["name"]: each(raw) for raw in listed}
    deployments: Mapping[str, Mapping[str, Any]] = seen.get("deployments") or {}
    counts = {
        name: sum(states is None or r["state"] in states for r in raw["replicas"]) for name, raw in deployments.items()
    }
    return [count // sizes.get(name, 1) for name, count in counts.items()]


def _status(seen: Mapping[str, Any], place: int, application: Application | None) -> ClusterJob:
    """Of the replica at this place among those of its application on the pool."""
    if place < min(_whole(seen, application, {"RUNNING"}), default=0):
        return ClusterJob("RUNNING")
    message = str(seen.get("message") or "")
    if seen.get("status") == "DEPLOY_FAILED":
        return ClusterJob("FAILED", message=message or "Serve could not deploy it.")
    return ClusterJob("PENDING", message=message)
