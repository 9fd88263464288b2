"""Moves one job one step: hand its attempt over, watch it, end it. Every step can be repeated after a crash."""

from __future__ import annotations

import secrets
from dataclasses import replace

from ..domain.job import Attempt, AttemptStatus, Job, JobStatus, JobTarget, Outcome
from ..domain.pool import PoolState, PoolStatus
from ..errors import PoolRefused, PoolUnreachable
from ..ports import ClusterJob
from ..units import show_duration
from .core import SYSTEM, Core
from .endings import Endings
from .handover import Handover
from .lack import why_starved
from .logs import LogRelay
from .move_rules import drop, is_stale
from .outcome import RAY_FINAL, outcome_of
from .runs import Runs

_STOP_AGAIN_S = 5.0
_OUTPUT_WAIT_S = 60.0
_TAKEN_BACK = "Taken back. "
"""Begins the message of an attempt that is stopped because its pool gets no nodes for it."""


class Attempts:
    """Steps of jobs that are not final."""

    def __init__(self, core: Core, handover: Handover, endings: Endings, relay: LogRelay, runs: Runs) -> None:
        self._core = core
        self._runs = runs
        self._handover = handover
        self._endings = endings
        self._relay = relay

    async def step(self, submission_id: str) -> None:
        """Claim the job's row, move it one step, give the claim back. Does nothing if somebody else holds it."""
        token = secrets.token_hex(8)
        now = self._core.clock.now()
        store = self._core.store
        if not await self._core.db(store.claim, submission_id, token, now, now + self._core.settings.claim_s):
            return
        try:
            job = await self._core.db(store.job, submission_id)
            if job and not job.status.final:
                await self._move(job, token)
        finally:
            await self._core.db(store.release, submission_id, token)

    async def _move(self, job: Job, token: str) -> None:
        attempts = await self._core.db(self._core.store.attempts, job.submission_id)
        live = next((a for a in attempts if a.status is not AttemptStatus.ENDED), None)
        if live is None:
            if job.target is JobTarget.STOP:
                await self._endings.stopped_in_queue(job, token)
            return
        state = (await self._core.db(self._core.store.pool_states)).get(live.pool)
        if live.pool not in self._core.pools:
            await self._left_the_settings(job, live, state or PoolState(live.pool), token)
        elif state is not None:
            await self._move_attempt(job, live, state, token)

    async def _left_the_settings(self, job: Job, attempt: Attempt, state: PoolState, token: str) -> None:
        state = replace(state, status=PoolStatus.UNREACHABLE, message="it is no longer in the settings")
        if attempt.session_name is None:
            why = f"Pool {state.name} is no longer in the settings."
            await self._endings.end(job, attempt, Outcome.WITHDRAWN, why, token)
        else:
            await self._unreachable(job, attempt, state, token)

    async def _move_attempt(self, job: Job, attempt: Attempt, state: PoolState, token: str) -> None:
        never_handed = attempt.session_name is None
        if never_handed and job.target is JobTarget.STOP:
            await self._endings.end(job, attempt, Outcome.STOPPED, "Job was stopped before it started.", token)
        elif never_handed and state.status is PoolStatus.DOWN and (state.retry_at or 0) > attempt.committed_at:
            why = f"Pool {state.name} could not be raised: {state.message}"
            await self._endings.end(job, attempt, Outcome.WITHDRAWN, why, token)
        elif never_handed and state.status is PoolStatus.UNREACHABLE:
            why = f"Pool {state.name} does not answer ({state.message})."
            await self._endings.end(job, attempt, Outcome.WITHDRAWN, why, token)
        elif never_handed:
            if state.status is PoolStatus.UP:
                await self._handover.hand(job, attempt, state, token)
        elif (lost := self._surely_lost(attempt, state)) is not None:
            await self._endings.end(job, attempt, Outcome.LOST, lost, token)
        elif state.status is not PoolStatus.UP or state.session_name != attempt.session_name:
            await self._no_answer(job, attempt, state, token)
        else:
            await self._watch(job, attempt, state, token)

    def _surely_lost(self, attempt: Attempt, state: PoolState) -> str | None:
        """Why the attempt cannot be running any more, or None: only then may another one start."""
        now = self._core.clock.now()
        if state.status is PoolStatus.DOWN:
            return f"The nodes of pool {state.name} are gone. {state.message}".strip()
        # A fence holds until the pool answers again: a later outage needs another word
        if (state.fenced_at or 0.0) > max(attempt.committed_at, state.seen_at or 0.0):
            return f"Pool {state.name} was fenced by an operator."
        restarted = state.session_name and state.session_name != attempt.session_name
        # Workers of the old session give up on their head within this time
        if restarted and state.session_since and now - state.session_since > self._core.settings.fence_s:
            return f"Pool {state.name} was restarted: its Ray session is another one."
        return None

    async def _no_answer(self, job: Job, attempt: Attempt, state: PoolState, token: str) -> None:
        if job.request.application is None:
            await self._unreachable(job, attempt, state, token)
            return
        # Two replicas may answer at once: nothing has to be fenced before the next one comes up
        why = f"Pool {state.name} does not answer ({state.message or state.status})."
        await self._endings.end(job, attempt, Outcome.LOST, why, token)

    async def _unreachable(self, job: Job, attempt: Attempt, state: PoolState, token: str) -> None:
        if job.status is JobStatus.UNREACHABLE:
            return
        text = (
            f"Pool {state.name} does not answer ({state.message or state.status}); the job may still run there. "
            "It goes on when the pool answers, or is run again once the pool is surely gone."
        )
        changed = replace(job, status=JobStatus.UNREACHABLE, message=text)
        event = self._core.event(SYSTEM, job.submission_id, f"pool {state.name} does not answer")
        await self._core.db(self._core.store.update_attempt, attempt, changed, token, event)

    async def _watch(self, job: Job, attempt: Attempt, state: PoolState, token: str) -> None:
        cluster = self._runs(job, attempt)
        if attempt.status is AttemptStatus.COMMITTED:
            # A crash came between handing over and noting it: handing over again finds it there
            await self._handover.hand(job, attempt, state, token)
            return
        try:
            seen = await cluster.job(attempt.attempt_id)
            same = seen is not None or (await cluster.version()).session_name == attempt.session_name
        except PoolUnreachable:
            return  # the pool's own watch decides when that is an outage
        if not same:
            return  # a restarted head knows no job, but what it ran may linger: the fence is for the pool's watch
        if seen is None:
            text = f"Pool {state.name} no longer knows the job."
            await self._endings.end(job, attempt, Outcome.LOST, text, token)
            return
        told = _with(attempt, seen, self._core.clock.now())
        if seen.status in RAY_FINAL:
            await self._final(job, told, seen, token)
            return
        if job.request.application is None:
            self._relay.follow(told)
        changed = self._running(job, told, seen)
        if is_stale(changed, told, self._core.clock.now()):
            changed, told = await self._drop_move(changed, told, token)
        told = await self._take_back_if_starved(changed, told, seen, token)
        told = await self._stop_if_wanted(changed, told)
        if (changed, told) != (job, attempt):
            text = f"{changed.status.value} on pool {attempt.pool}"
            event = self._core.event(SYSTEM, job.submission_id, text) if changed.status is not job.status else None
            await self._core.db(self._core.store.update_attempt, told, changed, token, event)

    async def _final(self, job: Job, attempt: Attempt, seen: ClusterJob, token: str) -> None:
        whole = job.request.application is not None or await self._relay.finish(attempt)
        ended_s = self._core.clock.now() - (seen.end_at or 0.0)
        if not whole and ended_s < _OUTPUT_WAIT_S:
            return  # the next step asks again: an ended job whose output is missing helps nobody
        attempt = replace(attempt, log_whole=whole, ended_at=seen.end_at)
        stopped_while_it_ran = bool(attempt.stop_sent_at and attempt.started_at)
        outcome, message = outcome_of(seen, stopped_while_it_ran=stopped_while_it_ran), seen.message
        if outcome is Outcome.STOPPED and job.target is JobTarget.RUN and job.move_to is not None:
            await self._endings.end(job, attempt, Outcome.MOVED, attempt.message, token)
            return
        if outcome is Outcome.STOPPED and self._over_time(job, attempt):
            limit = show_duration(job.hints.max_runtime_s or 0)
            outcome, message = Outcome.FAILED, f"Job ran longer than its spillover/max-runtime of {limit}."
        if outcome is Outcome.STOPPED and job.target is JobTarget.RUN and attempt.message.startswith(_TAKEN_BACK):
            # One that began in this very moment has run: only if it can resume does it run again
            outcome = Outcome.LOST if attempt.started_at else Outcome.WITHDRAWN
            message = attempt.message.removeprefix(_TAKEN_BACK)
        await self._endings.end(job, attempt, outcome, message, token)

    async def _take_back_if_starved(self, job: Job, attempt: Attempt, seen: ClusterJob, token: str) -> Attempt:
        """Mark an attempt that waits for nodes which do not come. It is stopped, and then withdrawn."""
        if seen.status != "PENDING" or attempt.message.startswith(_TAKEN_BACK):
            return attempt
        why = why_starved(job, attempt, self._core.pools[attempt.pool], self._core.clock.now())
        if not why:
            return attempt
        # Before it is stopped: that it was us, and not the user, must outlive a crash
        marked = replace(attempt, message=f"{_TAKEN_BACK}{why}")
        event = self._core.event(SYSTEM, job.submission_id, f"taken back from pool {attempt.pool}: {why}")
        await self._core.db(self._core.store.update_attempt, marked, job, token, event)
        return marked

    async def _drop_move(self, job: Job, attempt: Attempt, token: str) -> tuple[Job, Attempt]:
        """A move that could not begin for a while is none: what it was decided on may have changed."""
        text = f"not moved after all: it could not be stopped on pool {attempt.pool} in time"
        job, attempt = drop(job, attempt)
        job = replace(job, message=f"Runs on pool {attempt.pool}.")
        event = self._core.event(SYSTEM, job.submission_id, text)
        await self._core.db(self._core.store.update_attempt, attempt, job, token, event)
        return job, attempt

    def _running(self, job: Job, attempt: Attempt, seen: ClusterJob) -> Job:
        if seen.status != "RUNNING":
            text = f"Starts on pool {attempt.pool}. {seen.message}"
            return replace(job, status=JobStatus.STARTING, message=text.rstrip())
        return replace(
            job,
            status=JobStatus.RUNNING,
            message=attempt.message if job.move_to is not None else f"Runs on pool {attempt.pool}.",
            started_at=job.started_at or attempt.started_at,
        )

    async def _stop_if_wanted(self, job: Job, attempt: Attempt) -> Attempt:
        now = self._core.clock.now()
        taken_back = attempt.message.startswith(_TAKEN_BACK) and attempt.status is AttemptStatus.HANDED
        wanted = job.target is JobTarget.STOP or self._over_time(job, attempt) or taken_back
        wanted = wanted or job.move_to is not None
        if not wanted or now - (attempt.stop_sent_at or 0) < _STOP_AGAIN_S:
            return attempt
        try:
            await self._runs(job, attempt).stop(attempt.attempt_id)
        except (PoolUnreachable, PoolRefused):
            return attempt
        return replace(attempt, stop_sent_at=now)

    def _over_time(self, job: Job, attempt: Attempt) -> bool:
        limit = job.hints.max_runtime_s
        return bool(
            limit
            and attempt.started_at
            and self._core.clock.now() - attempt.started_at >= limit
            and job.target is JobTarget.RUN
        )


def _with(attempt: Attempt, seen: ClusterJob, now: float) -> Attempt:
    """The attempt with what the pool says of it."""
    running = seen.status == "RUNNING"
    started = attempt.started_at
    if started is None and running:
        started = now  # Ray's own start time is that of the submit
    elif started is None and seen.status in RAY_FINAL and seen.driver_node_id:
        started = seen.start_at
    return replace(
        attempt,
        status=AttemptStatus.RUNNING if running else attempt.status,
        started_at=started,
        error_type=seen.error_type,
        exit_code=seen.exit_code,
        core_job_id=seen.core_job_id or attempt.core_job_id,
        driver_info=seen.driver_info or attempt.driver_info,
        driver_node_id=seen.driver_node_id or attempt.driver_node_id,
        driver_agent_http_address=seen.driver_agent_http_address or attempt.driver_agent_http_address,
    )
