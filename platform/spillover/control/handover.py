"""Hands an attempt to its pool: packages first, then the job, under an id that makes a repeat harmless."""

from __future__ import annotations

from dataclasses import replace

from ..domain.job import Attempt, AttemptStatus, Job, JobStatus, Outcome, SubmitRequest
from ..domain.labels import MARKET_LABEL
from ..domain.pool import Pool, PoolState, PoolStatus
from ..errors import PoolError, PoolRefused, PoolUnreachable
from .core import SYSTEM, Core
from .endings import Endings
from .runs import Runs
from .sending import PackageSender


class Handover:
    """From COMMITTED to HANDED."""

    def __init__(self, core: Core, sender: PackageSender, endings: Endings, runs: Runs) -> None:
        self._core = core
        self._sender = sender
        self._endings = endings
        self._runs = runs

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
            session = await self._session_after(job, attempt)
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

    async def _session_after(self, job: Job, attempt: Attempt) -> str | None:
        """The session that took the attempt: the head may have been restarted just before it was sent."""
        cluster = self._runs(job, attempt)
        session = (await cluster.version()).session_name
        if session != attempt.session_name and await cluster.job(attempt.attempt_id) is None:
            raise PoolUnreachable(f"pool '{attempt.pool}' was restarted while the job was handed over")
        return session

    async def _send(self, job: Job, attempt: Attempt) -> None:
        runtime = self._core.pools[attempt.pool]
        request = held_to_markets(job, runtime.pool)
        there = await self._sender.send(runtime, job.user, request.runtime_env)
        request = request if there == request.runtime_env else replace(request, runtime_env=there)
        await self._runs(job, attempt).submit(attempt.attempt_id, request)


def held_to_markets(job: Job, pool: Pool) -> SubmitRequest:
    """The request with a label selector that keeps the entrypoint on the job's markets, where the pool has others."""
    markets, request = job.hints.markets, job.request
    if not markets or not job.demand.driver or all(t.market.value in markets for t in pool.node_types):
        return request
    asked = request.entrypoint_label_selector or {}
    return replace(request, entrypoint_label_selector={MARKET_LABEL: f"in({','.join(markets)})", **asked})
