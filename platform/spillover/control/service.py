"""What the gateway asks of control. Handlers only set targets; the reconciler does the rest."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..domain.job import Job, JobView, SubmitRequest
from ..domain.pool import PoolKind, PoolRole, PoolStatus
from ..errors import BadRequest, Forbidden, JobNotTerminal, NotFound
from ..ports import Caller
from .core import Core
from .intake import Intake
from .links import Links
from .logs import LogFiles, LogTail
from .packages import Packages
from .views import Views

RAY_VERSION = version("ray")  # what the gateway speaks; pools may run others

# `Service.list` hides the built-in name inside the class body
Rows = list[dict[str, Any]]

_OPERATORS = frozenset({"operator", "admin"})


def token_hash(token: str) -> str:
    """Tokens are kept as their SHA-256 alone: they are random, so nothing slower is needed."""
    return hashlib.sha256(token.encode()).hexdigest()


class Service:
    """Jobs, packages and operators' commands."""

    def __init__(
        self, core: Core, intake: Intake, packages: Packages, files: LogFiles, links: Links, views: Views
    ) -> None:
        self.core = core
        self._views = views
        self._intake = intake
        self._packages = packages
        self._files = files
        self._links = links
        self._tail = LogTail(core, files)

    async def caller_of(self, token: str) -> Caller | None:
        """Who holds the token."""
        return await self.core.db(self.core.store.caller_of, token_hash(token))

    async def submit(self, caller: Caller, submission_id: str | None, request: SubmitRequest) -> str:
        """Accept a job. Raises BadRequest, Forbidden, DuplicateJob."""
        return (await self._intake.accept(caller, submission_id, request)).submission_id

    async def get(self, caller: Caller, any_id: str) -> JobView:
        """A job by its submission id, or by `pool:core_job_id`."""
        job = await self._find(any_id)
        attempts = await self.core.db(self.core.store.attempts, job.submission_id)
        return JobView(job, attempts[-1] if attempts else None)

    async def _find(self, any_id: str) -> Job:
        store = self.core.store
        job = await self.core.db(store.job, any_id)
        pool, colon, core_id = any_id.partition(":")
        if job is None and colon:
            submission_id = await self.core.db(store.find_core_job, pool, core_id)
            job = await self.core.db(store.job, submission_id) if submission_id else None
        if job is None:
            raise NotFound(f"Job {any_id} does not exist")
        return job

    async def list(self, caller: Caller) -> Sequence[JobView]:
        """All jobs, oldest first."""
        attempts = await self.core.db(self.core.store.latest_attempts)
        jobs = await self.core.db(self.core.store.jobs)
        return [JobView(job, attempts.get(job.submission_id)) for job in jobs]

    async def stop(self, caller: Caller, any_id: str) -> bool:
        """Ask for a job to stop, whatever it is doing. False if it had ended."""
        job = await self._find(any_id)
        event = self.core.event(caller.user, job.submission_id, "asked to stop")
        stopped = await self.core.db(self.core.store.set_target_stop, job.submission_id, event)
        self.core.wake.set()
        return stopped

    async def delete(self, caller: Caller, any_id: str) -> bool:
        """Forget a job that has ended, with its output. Raises JobNotTerminal."""
        job = await self._find(any_id)
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
        job = await self._find(any_id)
        attempts = await self.core.db(self.core.store.attempts, job.submission_id)
        return "".join([await self.core.db(self._files.read, attempt) for attempt in attempts])

    async def tail(self, caller: Caller, any_id: str) -> AsyncIterator[str]:
        """The output as it comes; reasons while the job waits."""
        job = await self._find(any_id)
        async with aclosing(self._tail.lines(job.submission_id)) as lines:
            async for text in lines:
                yield text

    async def package_exists(self, caller: Caller, uri: str) -> bool:
        """Whether the caller's package is here; a yes keeps it for ten minutes."""
        return await self._packages.exists(caller.user, uri)

    async def put_package(self, caller: Caller, uri: str, chunks: AsyncIterator[bytes], size_hint: int | None) -> None:
        """Take an upload. Raises PackageTooLarge."""
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

    # what is shown

    async def queue(self, caller: Caller, limit: int) -> Rows:
        """The queue in its order."""
        return await self._views.queue(limit)

    async def pools(self, caller: Caller) -> Rows:
        """The pools as they are now."""
        return await self._views.pools()

    async def explain(self, caller: Caller, any_id: str) -> dict[str, Any]:
        """Why a job is where it is."""
        return await self._views.explain(await self._find(any_id))

    async def cost(self, caller: Caller, by: Sequence[str]) -> dict[str, Any]:
        """What was spent."""
        return await self._views.cost(by)

    async def events(self, caller: Caller, subject: str | None, limit: int) -> Rows:
        """History, newest first."""
        return await self._views.events(subject, limit)

    # operators

    async def fence(self, caller: Caller, pool: str) -> str:
        """Declare that whatever ran on an unreachable pool runs no more, so that its jobs may run again."""
        self._check_operator(caller, pool)
        state = (await self.core.db(self.core.store.pool_states)).get(pool)
        if state is None or state.status not in {PoolStatus.UNREACHABLE, PoolStatus.FOLDING}:
            now = state.status if state else "down"
            raise BadRequest(f"Pool '{pool}' is {now}; only an unreachable one is fenced.")
        event = self.core.event(caller.user, f"pool:{pool}", "fenced")
        await self.core.db(self.core.store.mark_pool, pool, "fenced_at", self.core.clock.now(), event)
        self.core.wake.set()
        live = [a for a in await self.core.db(self.core.store.live_attempts) if a.pool == pool]
        return f"Pool '{pool}' is fenced: {len(live)} attempts on it count as lost."

    async def fold(self, caller: Caller, pool: str) -> str:
        """Take a launched pool down now. Refused while jobs are on it."""
        self._check_operator(caller, pool)
        if self.core.pools[pool].pool.kind is PoolKind.ATTACHED:
            raise BadRequest(f"Pool '{pool}' is attached: Spillover did not raise it and does not fold it.")
        live = [a for a in await self.core.db(self.core.store.live_attempts) if a.pool == pool]
        if live:
            raise BadRequest(f"Pool '{pool}' has {len(live)} live jobs; stop them first.")
        state = (await self.core.db(self.core.store.pool_states)).get(pool)
        if state is None or state.status not in {PoolStatus.UP, PoolStatus.UNREACHABLE}:
            return f"Pool '{pool}' is {state.status if state else 'down'}: nothing to fold."
        event = self.core.event(caller.user, f"pool:{pool}", "fold asked for")
        await self.core.db(self.core.store.mark_pool, pool, "fold_asked_at", self.core.clock.now(), event)
        self.core.wake.set()
        again = " It is a baseline pool: it is raised again at once." if self._is_baseline(pool) else ""
        return f"Pool '{pool}' is being folded.{again}"

    def _is_baseline(self, pool: str) -> bool:
        return self.core.pools[pool].pool.role is PoolRole.BASELINE

    def _check_operator(self, caller: Caller, pool: str) -> None:
        if caller.role not in _OPERATORS:
            raise Forbidden(f"This needs an operator's token; yours is of a {caller.role}.")
        if pool not in self.core.pools:
            raise NotFound(f"There is no pool '{pool}'; there are {', '.join(self.core.pools)}.")


def _ray_word(job: Job) -> str:
    return "RUNNING" if job.status in {"running", "unreachable"} else "PENDING"
