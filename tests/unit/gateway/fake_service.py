"""Small services in memory, and a real server around them."""

from __future__ import annotations

import asyncio
import builtins
import dataclasses
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from spillover.control.serving.details import instance_details
from spillover.control.serving.state import AppState
from spillover.domain.access import Caller, Role
from spillover.domain.answers import (
    ApplicationView,
    Bill,
    CostRow,
    EventView,
    Explanation,
    HostView,
    JobFacts,
    KeyView,
    NewKey,
    NewToken,
    NodeView,
    OfferView,
    OnPool,
    Page,
    Part,
    PoolInfo,
    QueueEntry,
    Quote,
    ShadowReport,
    TokenView,
    UsageReport,
    UsageRow,
)
from spillover.domain.job import Attempt, Job, JobStatus, JobView, SubmitRequest
from spillover.domain.job import Hints as NoHints
from spillover.domain.questions import (
    ApplicationQuery,
    CostQuery,
    EventQuery,
    HostQuery,
    KeyQuery,
    KeyRequest,
    PoolQuery,
    QueueQuery,
    ShadowQuery,
    TokenQuery,
    TokenRequest,
    UsageQuery,
)
from spillover.domain.resources import Demand
from spillover.domain.serving import Application, ServeTerms
from spillover.errors import DuplicateJob, Forbidden, JobNotTerminal, NotFound, PackageTooLarge
from spillover.gateway.app import build_app
from spillover.gateway.server import GatewayServer
from spillover.gateway.service import Services

ALICE = {"Authorization": "Bearer alice-token"}
BOB = {"Authorization": "Bearer bob-token"}
VIC = {"Authorization": "Bearer vic-token"}
ROOT = {"Authorization": "Bearer root-token"}
_CALLERS = {
    "alice-token": Caller("alice", "search", Role.USER),
    "bob-token": Caller("bob", "search", Role.USER),
    "vic-token": Caller("vic", "search", Role.VIEWER),
    "root-token": Caller("root", "search", Role.ADMIN),
}


def make_job(submission_id: str = "j1", **changes: Any) -> Job:
    job = Job(
        submission_id=submission_id,
        request=SubmitRequest(entrypoint="python train.py"),
        user="alice",
        team="search",
        priority=0,
        demand=Demand(),
        demand_source="defaults",
        hints=NoHints(),
        submitted_at=1000.5,
    )
    return dataclasses.replace(job, **changes)


class FakeService:
    """Jobs in a dict; followed logs are fed by `say` and ended by `end` or `fail`."""

    def __init__(self) -> None:
        self.views: dict[str, JobView] = {}
        self.requests: dict[str, SubmitRequest] = {}
        self.packages: dict[str, bytes] = {}
        self.max_package = 10_000_000
        self.chunk_sizes: builtins.list[int] = []
        self.broken_uploads = 0
        self.asked: builtins.list[tuple[Any, ...]] = []
        self.deployed: dict[str, dict[str, Any]] = {}
        self.is_ready = True
        self.error: Exception | None = None
        self.finished_tails: builtins.list[str] = []
        self._lines: dict[str, asyncio.Queue[str | Exception | None]] = {}

    # what the tests do
    def add(self, job: Job, attempt: Attempt | None = None) -> None:
        self.views[job.submission_id] = JobView(job, attempt)

    def say(self, submission_id: str, what: str | Exception | None) -> None:
        self._queue(submission_id).put_nowait(what)

    def finish(self, submission_id: str, status: JobStatus = JobStatus.SUCCEEDED) -> None:
        view = self.views[submission_id]
        self.add(dataclasses.replace(view.job, status=status), view.attempt)
        self.say(submission_id, None)

    def _queue(self, submission_id: str) -> asyncio.Queue[str | Exception | None]:
        return self._lines.setdefault(submission_id, asyncio.Queue())

    # JobService
    def version(self) -> Mapping[str, str]:
        return {"version": "4", "ray_version": "2.60.0", "ray_commit": "spillover", "session_name": "s1"}

    def ready(self) -> bool:
        return self.is_ready

    async def submit(self, caller: Caller, submission_id: str | None, request: SubmitRequest) -> str:
        accepted = submission_id or f"raysubmit_{len(self.views)}"
        if accepted in self.views:
            raise DuplicateJob(
                f"Job with submission_id {accepted} already exists. Please use a different submission_id."
            )
        self.add(make_job(accepted, request=request, user=caller.user))
        return accepted

    async def get(self, caller: Caller, any_id: str) -> JobView:
        if self.error:
            raise self.error
        for view in self.views.values():
            core = view.attempt and view.attempt.core_job_id
            if any_id == view.job.submission_id or (core and any_id == f"{view.attempt.pool}:{core}"):
                return view
        raise NotFound(f"Job {any_id} does not exist")

    async def list(self, caller: Caller) -> Sequence[JobView]:
        return tuple(self.views.values())

    async def stop(self, caller: Caller, any_id: str) -> bool:
        view = await self.get(caller, any_id)
        self.add(dataclasses.replace(view.job, status=JobStatus.STOPPED), view.attempt)
        return not view.job.status.final

    async def delete(self, caller: Caller, any_id: str) -> bool:
        job = (await self.get(caller, any_id)).job
        if not job.status.final:
            raise JobNotTerminal(f"Attempted to delete job '{any_id}', but it is in a non-terminal state PENDING.")
        del self.views[job.submission_id]
        return True

    async def logs(self, caller: Caller, any_id: str) -> str:
        await self.get(caller, any_id)
        return "hello\nwörld\n"

    async def tail(self, caller: Caller, any_id: str) -> AsyncIterator[str]:
        try:
            while (item := await self._queue(any_id).get()) is not None:
                if isinstance(item, Exception):
                    raise item
                yield item
        finally:
            self.finished_tails.append(any_id)

    async def package_exists(self, caller: Caller, uri: str) -> bool:
        return uri in self.packages

    async def put_package(self, caller: Caller, uri: str, chunks: AsyncIterator[bytes], size_hint: int | None) -> None:
        if (size_hint or 0) > self.max_package:
            raise PackageTooLarge(f"Package {uri} has {size_hint} bytes; the limit is {self.max_package}")
        kept = b""
        try:
            async for chunk in chunks:
                self.chunk_sizes.append(len(chunk))
                kept += chunk
                if len(kept) > self.max_package:
                    raise PackageTooLarge(f"Package {uri} is over the limit of {self.max_package} bytes")
        except Exception:
            self.broken_uploads += 1
            raise
        self.packages[uri] = kept


class FakeInsight:
    """Answers with what the tests look for, and remembers what it was asked."""

    def __init__(self, jobs: FakeService) -> None:
        self.jobs = jobs

    async def queue(self, caller: Caller, query: QueueQuery) -> Page[QueueEntry]:
        self.jobs.asked.append(("queue", caller.user, query))
        entry = QueueEntry("j1", "alice", "search", 0, "queued", "run", "{CPU:1}", 1.0, 2.0, "waits", "Waits.", place=1)
        return Page((entry,), "1")

    async def pools(self, caller: Caller, query: PoolQuery) -> Page[PoolInfo]:
        self.jobs.asked.append(("pools", query))
        node = NodeView("n1", "127.0.0.1", "gpu", "owned", 1.5, is_head=False, resources={"GPU": 8.0})
        pool = PoolInfo("onprem", "attached", "baseline", "here", "up", None, "", 1.0, 0, 0, 4, None, 0.5, 1.5, (node,))
        return Page((pool,))

    async def explain(self, caller: Caller, any_id: str) -> Explanation:
        job = (await self.jobs.get(caller, any_id)).job
        return Explanation(
            JobFacts(job.submission_id, job.user, job.team, 0, "queued", "run", "{CPU:1}", 1.0, 2.0, "waits", "Waits.")
        )

    async def quote(self, caller: Caller, request: SubmitRequest) -> Quote:
        self.jobs.asked.append(("quote", caller.user, request))
        parts = (Part("nodes", 3.0, 3600.0, "gpu x1 at $3.00/h, rented whole"), Part("egress", 0.05, None, "1 GB"))
        offer = OfferView(
            "cloud", "gpu", "spot", 1, 3.0, 60.0, 3600.0, 3.05, chosen=True, cheapest=True, soonest=True, total_s=3600.0,
            late_chance=0.1, parts=parts,
        )  # fmt: skip
        return Quote(
            "{GPU:8}",
            "declared",
            "search",
            3600.0,
            "hint",
            "take",
            "Bursts.",
            "burst",
            "threshold",
            1.0,
            offers=(offer,),
        )

    async def cost(self, caller: Caller, query: CostQuery) -> Bill:
        self.jobs.asked.append(("cost", query))
        return Bill(query.by, (CostRow("job", 3600.0, 1.5, pool="onprem"),), 1.5, 1.5, 9.0)

    async def shadow(self, caller: Caller, query: ShadowQuery) -> ShadowReport:
        self.jobs.asked.append(("shadow", query))
        return ShadowReport("never()", "immediate()", 1.0, 9.0, 3, {"keeps": 1}, -1.5, 20.0, 0, "Kept one.")

    async def events(self, caller: Caller, query: EventQuery) -> Page[EventView]:
        self.jobs.asked.append(("events", query))
        return Page((EventView(1.0, "alice", "j1", "submitted"),))


class FakeOperators:
    """Says what it was told."""

    async def fence(self, caller: Caller, pool: str) -> str:
        return f"{pool} is fenced"

    async def fold(self, caller: Caller, pool: str) -> str:
        return f"{pool} will fold"


class FakeTokens:
    """The tokens of this file's callers."""

    def __init__(self, jobs: FakeService) -> None:
        self.jobs = jobs

    async def caller_of(self, token: str) -> Caller:
        token.encode()  # the real one hashes it
        if token not in _CALLERS:
            raise Forbidden("Forbidden: Invalid authentication token")
        return _CALLERS[token]

    async def create(self, caller: Caller, request: TokenRequest) -> NewToken:
        self.jobs.asked.append(("create", request))
        return NewToken("s3cret", TokenView("ab12", request.user, request.team, request.role, 1.0, caller.user))

    async def list(self, caller: Caller, query: TokenQuery) -> Page[TokenView]:
        self.jobs.asked.append(("tokens", query))
        return Page((TokenView("ab12", "bob", "search", "user", 1.0, caller.user),))

    async def revoke(self, caller: Caller, token_id: str) -> str:
        return f"{token_id} is revoked"


class FakeHosts:
    """One pool of two hosts."""

    async def hosts(self, caller: Caller, query: HostQuery) -> Page[HostView]:
        return Page((HostView("onprem", "10.0.0.1", "head", "up", "up", 1.0, "ab12", "", None),))

    async def repair(self, caller: Caller, pool: str, host: str) -> str:
        return f"{host} of {pool} is tried"

    async def drain(self, caller: Caller, pool: str, host: str) -> str:
        return f"{host} of {pool} drains"

    async def undrain(self, caller: Caller, pool: str, host: str) -> str:
        return f"{host} of {pool} comes back"


class FakeServe:
    """Serve with the applications that were deployed last, as long as nobody shut it down."""

    def __init__(self, jobs: FakeService) -> None:
        self.jobs = jobs

    async def deploy(self, caller: Caller, config: Mapping[str, Any]) -> None:
        self.jobs.asked.append(("deploy", caller.user, config))
        self.jobs.deployed = {entry["name"]: dict(entry) for entry in config["applications"]}

    async def shutdown(self, caller: Caller) -> None:
        self.jobs.asked.append(("shutdown", caller.user))
        self.jobs.deployed = {}

    async def details(self, caller: Caller, *, redact: bool = False) -> Mapping[str, Any]:
        self.jobs.asked.append(("details", caller.user, redact))
        deployed = [
            Application(name, "alice", "search", raw["route_prefix"], raw, ServeTerms(), 1.5)
            for name, raw in self.jobs.deployed.items()
        ]
        states = [AppState(application, sentence="Waits for a node.") for application in deployed]
        return instance_details(states, None if redact else caller.user)

    async def applications(self, caller: Caller, query: ApplicationQuery) -> Page[ApplicationView]:
        self.jobs.asked.append(("applications", query))
        pools = (OnPool("onprem", "baseline", 1, 3),)
        view = ApplicationView(
            "chat", "alice", "search", "/chat", "RUNNING", "Serves.", 1, 1.5, 1, 2, 0, 3, 0, 3, 1.2, 0.5, pools
        )
        return Page((view,))

    async def stop(self, caller: Caller, name: str) -> str:
        return f"{name} is taken down"


class FakeKeys:
    """One key."""

    def __init__(self, jobs: FakeService) -> None:
        self.jobs = jobs

    async def create(self, caller: Caller, request: KeyRequest) -> NewKey:
        self.jobs.asked.append(("create key", request))
        return NewKey("s3cret", KeyView("k1", request.tenant, 1.0, caller.user, regions=request.regions))

    async def list(self, caller: Caller, query: KeyQuery) -> Page[KeyView]:
        self.jobs.asked.append(("keys", query))
        return Page((KeyView("k1", "acme", 1.0, caller.user, 60, None, ("eu",), ("chat",)),))

    async def revoke(self, caller: Caller, key_id: str) -> str:
        return f"{key_id} is revoked"

    async def usage(self, caller: Caller, query: UsageQuery) -> UsageReport:
        self.jobs.asked.append(("usage", query))
        return UsageReport(query.by, (UsageRow(3, 1, 10, 20, 1.5, 0.25, tenant="acme"),), 0.25, 0.5, 9.0)


def services_around(jobs: FakeService) -> Services:
    """All that the gateway serves, around these jobs."""
    return Services(
        jobs, FakeInsight(jobs), FakeOperators(), FakeTokens(jobs), FakeHosts(), FakeServe(jobs), FakeKeys(jobs)
    )


@asynccontextmanager
async def serving(service: FakeService, **options: Any) -> AsyncIterator[GatewayServer]:
    """The gateway on a free port of the loopback."""
    server = GatewayServer(build_app(services_around(service), **options))
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@asynccontextmanager
async def asking(
    service: FakeService, headers: Mapping[str, str] = ALICE, **options: Any
) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of a gateway, as Alice unless told."""
    async with serving(service, **options) as server, aiohttp.ClientSession(server.url, headers=headers) as client:
        yield client
