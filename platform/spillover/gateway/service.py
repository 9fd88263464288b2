"""What the gateway asks of the service behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from ..domain.job import JobView, SubmitRequest
from ..ports import Caller

# `JobService.list` hides the built-in name inside the class body.
Rows = list[dict[str, Any]]


class JobService(Protocol):
    """Everything that a request can ask for.

    Methods raise RequestError with the text for the client. `any_id` is a submission id or a mapped core job id
    (`pool:02000000`); one that is unknown raises NotFound("Job X does not exist").
    """

    async def caller_of(self, token: str) -> Caller | None:
        """Who holds the token; None for a stranger."""
        ...

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

    async def queue(self, caller: Caller, limit: int) -> Rows:
        """The queue in its order, with reasons."""
        ...

    async def pools(self, caller: Caller) -> Rows:
        """The pools as they are now."""
        ...

    async def explain(self, caller: Caller, any_id: str) -> dict[str, Any]:
        """Why the job is where it is, with every offer."""
        ...

    async def cost(self, caller: Caller, by: Sequence[str]) -> dict[str, Any]:
        """What was spent, grouped by these columns of the ledger; the whole sum if none are named."""
        ...

    async def events(self, caller: Caller, subject: str | None, limit: int) -> Rows:
        """History, newest first."""
        ...

    async def fence(self, caller: Caller, pool: str) -> str:
        """Declare the pool's old cluster dead. Returns a sentence that says what follows."""
        ...

    async def fold(self, caller: Caller, pool: str) -> str:
        """Take the pool down once it is idle. Returns a sentence that says what follows."""
        ...
