"""What the gateway asks of the services behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ..domain.access import Caller
from ..domain.answers import (
    ApplicationView,
    Bill,
    EventView,
    Explanation,
    HostView,
    KeyView,
    NewKey,
    NewToken,
    Page,
    PoolInfo,
    QueueEntry,
    Quote,
    ShadowReport,
    TokenView,
    UsageReport,
)
from ..domain.job import JobView, SubmitRequest
from ..domain.questions import (
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


class JobService(Protocol):
    """Ray's Jobs API.

    Methods raise RequestError with the text for the client: Forbidden for what the caller may not see or do. `any_id`
    is a submission id or a mapped core job id (`pool:02000000`); one that is unknown raises
    NotFound("Job X does not exist").
    """

    def version(self) -> Mapping[str, str]:
        """The body of `/api/version`."""
        ...

    def ready(self) -> bool:
        """Whether requests can be served."""
        ...

    async def submit(self, caller: Caller, submission_id: str | None, request: SubmitRequest) -> str:
        """Accept a job for good and return its id. Raises DuplicateJob."""
        ...

    async def get(self, caller: Caller, any_id: str) -> JobView:
        """One job."""
        ...

    async def list(self, caller: Caller) -> Sequence[JobView]:
        """All jobs that the caller may see."""
        ...

    async def stop(self, caller: Caller, any_id: str) -> bool:
        """Ask for the job to end. False if it had ended already."""
        ...

    async def delete(self, caller: Caller, any_id: str) -> bool:
        """Forget a job that has ended. Raises JobNotTerminal."""
        ...

    async def logs(self, caller: Caller, any_id: str) -> str:
        """The job's own output so far."""
        ...

    def tail(self, caller: Caller, any_id: str) -> AsyncIterator[str]:
        """The output as it comes; ends when the job has ended and all is sent."""
        ...

    async def package_exists(self, caller: Caller, uri: str) -> bool:
        """Whether the caller's package is here. A yes keeps it for a while."""
        ...

    async def put_package(self, caller: Caller, uri: str, chunks: AsyncIterator[bytes], size_hint: int | None) -> None:
        """Keep a package. Raises PackageTooLarge. If `chunks` raises, the upload broke off: nothing is kept."""
        ...

    def linked_package(self, link: str) -> Path:
        """The file behind a signed link. Raises NotFound."""
        ...


class InsightService(Protocol):
    """What is shown: nothing here changes anything."""

    async def queue(self, caller: Caller, query: QueueQuery) -> Page[QueueEntry]:
        """The queue in its order, with reasons."""
        ...

    async def pools(self, caller: Caller, query: PoolQuery) -> Page[PoolInfo]:
        """The pools as they are now."""
        ...

    async def explain(self, caller: Caller, any_id: str) -> Explanation:
        """Why the job is where it is, with every offer."""
        ...

    async def quote(self, caller: Caller, request: SubmitRequest) -> Quote:
        """What would become of this request now, with every offer."""
        ...

    async def cost(self, caller: Caller, query: CostQuery) -> Bill:
        """What was spent."""
        ...

    async def shadow(self, caller: Caller, query: ShadowQuery) -> ShadowReport:
        """What the shadow policy would have done otherwise. Raises BadRequest if there is none."""
        ...

    async def events(self, caller: Caller, query: EventQuery) -> Page[EventView]:
        """History, newest first."""
        ...


class OperatorService(Protocol):
    """Orders about pools. Each returns a sentence that says what follows."""

    async def fence(self, caller: Caller, pool: str) -> str:
        """Declare the pool's old cluster dead."""
        ...

    async def fold(self, caller: Caller, pool: str) -> str:
        """Take the pool down."""
        ...


class HostService(Protocol):
    """Hosts of pools that name them one by one. Orders return a sentence that says what follows."""

    async def hosts(self, caller: Caller, query: HostQuery) -> Page[HostView]:
        """The hosts as they are now."""
        ...

    async def repair(self, caller: Caller, pool: str, host: str) -> str:
        """Try a missing host now."""
        ...

    async def drain(self, caller: Caller, pool: str, host: str) -> str:
        """Let a host's jobs finish, and end Ray there."""
        ...

    async def undrain(self, caller: Caller, pool: str, host: str) -> str:
        """Bring a drained host back."""
        ...


class TokenService(Protocol):
    """Who gets in, and who lets them in."""

    async def caller_of(self, token: str) -> Caller:
        """Who holds the token. Raises Forbidden for one that lets nobody in."""
        ...

    async def create(self, caller: Caller, request: TokenRequest) -> NewToken:
        """Make a token."""
        ...

    async def list(self, caller: Caller, query: TokenQuery) -> Page[TokenView]:
        """The tokens there are."""
        ...

    async def revoke(self, caller: Caller, token_id: str) -> str:
        """Let a token in no more. Returns a sentence that says so."""
        ...


class ServeService(Protocol):
    """Ray's Serve API, and what Spillover's own says of served applications."""

    async def deploy(self, caller: Caller, config: Mapping[str, Any]) -> None:
        """Serve exactly these applications for the caller. Raises BadRequest, Forbidden, NotInstalled."""
        ...

    async def shutdown(self, caller: Caller) -> None:
        """Take all of the caller's applications down."""
        ...

    async def details(self, caller: Caller, *, redact: bool = False) -> Mapping[str, Any]:
        """Ray's ServeInstanceDetails as JSON. `redact`: mask the values of the caller's own env_vars too."""
        ...

    async def applications(self, caller: Caller, query: ApplicationQuery) -> Page[ApplicationView]:
        """The applications as they are now."""
        ...

    async def stop(self, caller: Caller, name: str) -> str:
        """Take one application down. Returns a sentence that says so."""
        ...


class KeyService(Protocol):
    """Who may send requests to applications, and what those came to."""

    async def create(self, caller: Caller, request: KeyRequest) -> NewKey:
        """Make a key."""
        ...

    async def list(self, caller: Caller, query: KeyQuery) -> Page[KeyView]:
        """The keys there are."""
        ...

    async def revoke(self, caller: Caller, key_id: str) -> str:
        """Let a key in no more. Returns a sentence that says so."""
        ...

    async def usage(self, caller: Caller, query: UsageQuery) -> UsageReport:
        """What requests came to."""
        ...


@dataclass(frozen=True)
class Services:
    """All that the gateway serves."""

    jobs: JobService
    insight: InsightService
    operators: OperatorService
    tokens: TokenService
    hosts: HostService
    serve: ServeService
    keys: KeyService
