"""Hands an attempt to its pool: packages first, then the job, under an id that makes a repeat harmless."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..domain.job import Attempt, AttemptStatus, Job, JobStatus, Outcome, SubmitRequest
from ..domain.labels import MARKET_LABEL
from ..domain.pool import Pool, PoolState, PoolStatus
from ..errors import PoolError, PoolRefused, PoolUnreachable
from .core import SYSTEM, Core
from .endings import Endings
from .links import Links
from .packages import RAY_LIMIT_BYTES, Packages, package_uris


class Handover:
    """From COMMITTED to HANDED."""

    def __init__(self, core: Core, packages: Packages, endings: Endings, links: Links) -> None:
        self._core = core
        self._packages = packages
        self._endings = endings
        self._links = links

    async def hand(self, job: Job, attempt: Attempt, state: PoolState, token: str) -> None:
        """Give the attempt to its pool. A retry after a crash finds that the id exists and goes on."""
        # Noted before the pool can know of it: from here on the attempt may be running there
        before, attempt = attempt, replace(attempt, session_name=state.session_name)
        await self._core.db(self._core.store.update_attempt, attempt, job, token)
        if not await self._is_up(attempt):
            # A fold began meanwhile and may have missed our note, or it is another cluster: it is not told of the job
            await self._core.db(self._core.store.update_attempt, before, job, token)
            return
        try:
            await self._send(job, attempt)
        except PoolUnreachable:
            return  # it may or may not have arrived: the next step tries the same again
        except PoolRefused as error:
            await self._endings.end(job, attempt, Outcome.FAILED, str(error), token)
            return
        try:
            session = await self._session_after(attempt)
        except PoolError:
            return
        handed = replace(attempt, status=AttemptStatus.HANDED, session_name=session)
        started = replace(job, status=JobStatus.STARTING, message=f"Starts on pool {attempt.pool}.")
        event = self._core.event(SYSTEM, job.submission_id, f"handed to pool {attempt.pool} as {attempt.attempt_id}")
        await self._core.db(self._core.store.update_attempt, handed, started, token, event)

    async def _is_up(self, attempt: Attempt) -> bool:
        """Whether the pool is still up, and under the session that was noted."""
        state = (await self._core.db(self._core.store.pool_states)).get(attempt.pool)
        if state is None or state.status is not PoolStatus.UP or state.session_name != attempt.session_name:
            return False
        try:
            return (await self._core.pools[attempt.pool].cluster.version()).session_name == attempt.session_name
        except PoolError:
            return False

    async def _session_after(self, attempt: Attempt) -> str | None:
        """The session that took the attempt: the head may have been restarted just before it was sent."""
        cluster = self._core.pools[attempt.pool].cluster
        session = (await cluster.version()).session_name
        if session != attempt.session_name and await cluster.job(attempt.attempt_id) is None:
            raise PoolUnreachable(f"pool '{attempt.pool}' was restarted while the job was handed over")
        return session

    async def _send(self, job: Job, attempt: Attempt) -> None:
        cluster = self._core.pools[attempt.pool].cluster
        swapped: dict[str, str] = {}
        for uri in package_uris(job.request.runtime_env):
            path = self._packages.path(job.user, uri)
            if not path.exists():
                raise PoolRefused(f"package {uri} is gone from the package folder; submit the job again")
            if path.stat().st_size > RAY_LIMIT_BYTES:
                swapped[uri] = self._links.make(job.user, uri)
            elif not await cluster.has_package(uri):
                await cluster.put_package(uri, path)
        request = held_to_markets(job, self._core.pools[attempt.pool].pool)
        await cluster.submit(attempt.attempt_id, _with_links(request, swapped))


def held_to_markets(job: Job, pool: Pool) -> SubmitRequest:
    """The request with a label selector that keeps the entrypoint on the job's markets, where the pool has others."""
    markets, request = job.hints.markets, job.request
    if not markets or not job.demand.driver or all(t.market.value in markets for t in pool.node_types):
        return request
    asked = request.entrypoint_label_selector or {}
    return replace(request, entrypoint_label_selector={MARKET_LABEL: f"in({','.join(markets)})", **asked})


def _with_links(request: SubmitRequest, links: Mapping[str, str]) -> SubmitRequest:
    """The request with packages over Ray's own limit fetched from us by signed address."""
    if not links:
        return request
    env: dict[str, Any] = dict(request.runtime_env)
    if env.get("working_dir") in links:
        env["working_dir"] = links[env["working_dir"]]
    if env.get("py_modules"):
        env["py_modules"] = [links.get(uri, uri) if isinstance(uri, str) else uri for uri in env["py_modules"]]
    return replace(request, runtime_env=env)
