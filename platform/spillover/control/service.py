"""What Ray's Jobs API asks of control. Handlers only set targets; the reconciler does the rest."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from importlib.metadata import version
from pathlib import Path

from ..domain.access import Caller
from ..domain.job import Job, JobView, SubmitRequest
from ..errors import JobNotTerminal, NotFound
from .core import Core
from .finder import Finder
from .intake import Intake
from .links import Links
from .logs import LogFiles, LogTail
from .packages import Packages
from .rights import check_commands, check_submits, sees

RAY_VERSION = version("ray")  # what the gateway speaks; pools may run others


class Service:
    """Jobs and packages."""

    def __init__(
        self, core: Core, intake: Intake, packages: Packages, files: LogFiles, links: Links, finder: Finder
    ) -> None:
        self.core = core
        self._finder = finder
        self._intake = intake
        self._packages = packages
        self._files = files
        self._links = links
        self._tail = LogTail(core, files)

    async def submit(self, caller: Caller, submission_id: str | None, request: SubmitRequest) -> str:
        """Accept a job. Raises BadRequest, Forbidden, DuplicateJob."""
        check_submits(caller)
        return (await self._intake.accept(caller, submission_id, request)).submission_id

    async def get(self, caller: Caller, any_id: str) -> JobView:
        """A job by its submission id, or by `pool:core_job_id`."""
        job = await self._finder.find(caller, any_id)
        attempts = await self.core.db(self.core.store.attempts, job.submission_id)
        return JobView(job, attempts[-1] if attempts else None)

    async def list(self, caller: Caller) -> Sequence[JobView]:
        """All jobs that the caller may see, oldest first."""
        attempts = await self.core.db(self.core.store.latest_attempts)
        jobs = await self.core.db(self.core.store.jobs)
        return [JobView(job, attempts.get(job.submission_id)) for job in jobs if sees(caller, job)]

    async def stop(self, caller: Caller, any_id: str) -> bool:
        """Ask for a job to stop, whatever it is doing. False if it had ended."""
        job = await self._finder.find(caller, any_id)
        check_commands(caller, job, "stop")
        event = self.core.event(caller.user, job.submission_id, "asked to stop")
        stopped = await self.core.db(self.core.store.set_target_stop, job.submission_id, event)
        self.core.wake.set()
        return stopped

    async def delete(self, caller: Caller, any_id: str) -> bool:
        """Forget a job that has ended, with its output. Raises JobNotTerminal."""
        job = await self._finder.find(caller, any_id)
        check_commands(caller, job, "delete")
        if not job.status.final:
            raise JobNotTerminal(
                f"RuntimeError: Attempted to delete job '{job.submission_id}', "
                f"but it is in a non-terminal state {_ray_word(job)}."
            )
        await self.core.db(self.core.store.delete_job, job.submission_id)
        await self.core.db(self._files.delete, job.submission_id)
        await self.core.db(self.core.store.add_event, self.core.event(caller.user, job.submission_id, "deleted"))
        return True

    async def logs(self, caller: Caller, any_id: str) -> str:
        """The job's own output, all attempts one after another."""
        job = await self._finder.find(caller, any_id)
        attempts = await self.core.db(self.core.store.attempts, job.submission_id)
        return "".join([await self.core.db(self._files.read, attempt) for attempt in attempts])

    async def tail(self, caller: Caller, any_id: str) -> AsyncIterator[str]:
        """The output as it comes; reasons while the job waits."""
        job = await self._finder.find(caller, any_id)
        async with aclosing(self._tail.lines(job.submission_id)) as lines:
            async for text in lines:
                yield text

    async def package_exists(self, caller: Caller, uri: str) -> bool:
        """Whether the caller's package is here; a yes keeps it for ten minutes."""
        check_submits(caller)
        return await self._packages.exists(caller.user, uri)

    async def put_package(self, caller: Caller, uri: str, chunks: AsyncIterator[bytes], size_hint: int | None) -> None:
        """Take an upload. Raises PackageTooLarge."""
        check_submits(caller)
        await self._packages.put(caller.user, uri, chunks, size_hint)

    def linked_package(self, link: str) -> Path:
        """The file behind a signed link. Raises NotFound."""
        path = self._packages.path(*self._links.read(link))
        if not path.exists():
            raise NotFound("This package is gone.")
        return path

    def version(self) -> Mapping[str, str]:
        """The body of Ray's `/api/version`. Clients compare `ray_version` with what they need."""
        return {"version": "4", "ray_version": RAY_VERSION, "ray_commit": "", "session_name": "spillover"}

    def ready(self) -> bool:
        """Whether requests can be served."""
        return True


def _ray_word(job: Job) -> str:
    return "RUNNING" if job.status in {"running", "unreachable"} else "PENDING"
