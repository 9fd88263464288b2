"""The placement pass: look at everything, decide, commit."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ..domain.decision import Decision, Verdict
from ..domain.host import HostState
from ..domain.job import Attempt, Job, JobStatus, JobTarget, attempt_id
from ..domain.pool import PoolKind, PoolState, PoolStatus, Usage
from ..errors import DuplicateJob, StaleClaim
from ..placement.forecast import LIKE_JOBS
from ..placement.place import decide
from ..placement.snapshot import LiveWork, PoolView, QueuedJob, Snapshot
from .core import SYSTEM, Core, PoolRuntime
from .host_room import closed, coming
from .intake import queued_job
from .past_waits import PastWaits

log = logging.getLogger(__name__)

_REWRITE_S = 15.0


class Passes:
    """Builds snapshots, asks placement, commits what it says."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._began = core.clock.now()
        self._history: dict[tuple[str, str], tuple[float, ...]] = {}
        self._ended = 0
        self._past = PastWaits(core, self._run_times)
        self.order: dict[str, int] = {}
        # Also of attempts that have ended: what they held may be seen for a moment longer, and is not foreign use
        self._owners: dict[str, str] = {}
        self._said: dict[str, tuple[str, str, float]] = {}

    async def snapshot(self) -> Snapshot:
        """Queue and pools at this instant."""
        store, db = self._core.store, self._core.db
        live = await db(store.live_attempts)
        waiting = [j for j in await db(store.jobs, [JobStatus.QUEUED]) if j.target is JobTarget.RUN]
        for job in waiting:
            if job.wait_reason:  # said before a restart
                self._said.setdefault(job.submission_id, (job.wait_reason, job.message, 0.0))
        active = {j.submission_id: j for j in await db(store.jobs, _ACTIVE)}
        states = await db(store.pool_states)
        queued = [await self.queued(job) for job in waiting]
        hosts = await db(store.hosts) if any(runtime.hosts for runtime in self._core.pools.values()) else []
        views = [
            await self._view(runtime, states.get(name) or PoolState(name), live, active, hosts)
            for name, runtime in self._core.pools.items()
        ]
        past = await self._past.newest(live)
        return Snapshot(at=self._core.clock.now(), jobs=tuple(queued), pools=tuple(views), past=past)

    async def queued(self, job: Job) -> QueuedJob:
        """The job as placement sees it, with what like jobs took."""
        return queued_job(job, self._core, await self._run_times(job.team, job.request.entrypoint))

    async def _run_times(self, team: str, entrypoint: str) -> tuple[float, ...]:
        if self._ended != self._core.ended:  # what can be learnt from a job counts from its end on
            self._ended = self._core.ended
            self._history.clear()
        key = (team, entrypoint)
        if key not in self._history:
            self._history[key] = tuple(await self._core.db(self._core.store.run_times, *key, LIKE_JOBS))
        return self._history[key]

    async def _view(
        self,
        runtime: PoolRuntime,
        state: PoolState,
        live: Iterable[Attempt],
        active: dict[str, Job],
        hosts: Iterable[HostState],
    ) -> PoolView:
        pool = runtime.pool
        here = [a for a in live if a.pool == pool.name and a.submission_id in active]
        self._owners.update({a.attempt_id: a.submission_id for a in here})
        seen = runtime.seen
        startup_s = 0.0 if state.status is PoolStatus.UP else pool.startup_s
        work = [await self._work(attempt, active[attempt.submission_id], startup_s) for attempt in here]
        return PoolView(
            pool=pool,
            status=state.status,
            nodes=seen.nodes if seen else (),
            usage=tuple(
                Usage(u.node_id, self._owners.get(u.owner or ""), u.resources) for u in (seen.usage if seen else ())
            ),
            work=tuple(work),
            max_new_nodes=coming(runtime, state, hosts) if runtime.hosts else _max_new_nodes(runtime),
            ready_at=state.since + pool.startup_s if state.status is PoolStatus.RAISING else None,
            blocked=self._blocked(runtime, state),
            closed=closed(runtime, hosts) if runtime.hosts else frozenset(),
            lacking=runtime.lacking,
        )

    async def _work(self, attempt: Attempt, job: Job, startup_s: float) -> LiveWork:
        runtime_s = (await self.queued(job)).runtime_s
        begins = attempt.started_at or max(attempt.committed_at + startup_s, self._core.clock.now())
        return LiveWork(job.submission_id, job.team, job.demand, begins + runtime_s, attempt.node_type)

    def _blocked(self, runtime: PoolRuntime, state: PoolState) -> str:
        down = runtime.pool.kind is PoolKind.LAUNCHED and state.status is PoolStatus.DOWN
        if down and self._core.clock.now() < (state.retry_at or 0.0):
            return state.message or "could not be raised"
        if state.status is PoolStatus.UP and runtime.seen is None:
            return "shows no nodes yet"
        return ""

    async def _looks_are_due(self) -> bool:
        """Whether a pool waits for its first look since our start or its own.

        Until then its free room is unknown, and would be rented elsewhere.
        """
        states = await self._core.db(self._core.store.pool_states)
        return any(self._is_unseen(r, states.get(name) or PoolState(name)) for name, r in self._core.pools.items())

    def _is_unseen(self, runtime: PoolRuntime, state: PoolState) -> bool:
        if runtime.seen is not None or runtime.seen_error:
            return False
        answers = state.status is PoolStatus.UP or runtime.pool.kind is PoolKind.ATTACHED
        # Not for ever: a look that fails in an unforeseen way must not hold up the other pools
        since = max(self._began, state.since)
        return answers and self._core.clock.now() - since < runtime.pool.unreachable_after_s

    async def run(self) -> Sequence[Decision]:
        """One pass. Returns what was decided."""
        snapshot = await self.snapshot()
        if not snapshot.jobs or await self._looks_are_due():
            return ()
        # A pass over thousands of jobs must not hold up the gateway
        decisions = await self._core.db(decide, snapshot, self._core.policy)
        self.order = {d.submission_id: place for place, d in enumerate(decisions)}
        for decision in decisions:
            if decision.verdict is Verdict.TAKE:
                await self._take(decision)
        await self._wait([d for d in decisions if d.verdict is Verdict.WAIT])
        return decisions

    async def _wait(self, decisions: Iterable[Decision]) -> None:
        news = [d for d in decisions if self._is_news(d)]
        fresh = [d for d in news if self._said.get(d.submission_id, ("",))[0] != d.reason]
        if news:
            await self._core.db(self._core.store.note_waits, news)
        await self._core.db(self._core.store.add_decisions, fresh)
        for d in news:
            self._said[d.submission_id] = (d.reason, d.sentence, d.at)

    def _is_news(self, decision: Decision) -> bool:
        reason, sentence, at = self._said.get(decision.submission_id, ("", "", 0.0))
        return reason != decision.reason or (sentence != decision.sentence and decision.at - at > _REWRITE_S)

    async def _take(self, decision: Decision) -> None:
        store, db, now = self._core.store, self._core.db, self._core.clock.now()
        token = secrets.token_hex(8)
        if not await db(store.claim, decision.submission_id, token, now, now + self._core.settings.claim_s):
            return
        try:
            job = await db(store.job, decision.submission_id)
            if job and job.status is JobStatus.QUEUED and job.target is JobTarget.RUN:
                await self._commit_free(job, decision, token)
        except StaleClaim:
            log.info("job %s was taken over meanwhile", decision.submission_id)
        finally:
            await db(store.release, decision.submission_id, token)

    async def _commit_free(self, job: Job, decision: Decision, token: str) -> None:
        """Commit the attempt under the next number whose id is not the name of another job."""
        number = job.attempts + 1
        while True:
            try:
                return await self._commit(job, decision, token, number)
            except DuplicateJob:
                number += 1

    async def _commit(self, job: Job, decision: Decision, token: str, number: int) -> None:
        attempt = Attempt(
            attempt_id=attempt_id(job.submission_id, number),
            submission_id=job.submission_id,
            number=number,
            pool=decision.pool or "",
            node_type=decision.node_type or "",
            market=decision.market or "",
            committed_at=self._core.clock.now(),
            why=decision.sentence,
        )
        starting = replace(
            job,
            status=JobStatus.STARTING,
            attempts=number,
            message=decision.sentence,
            wait_reason="",
            expected_start_at=None,
        )
        event = self._core.event(SYSTEM, job.submission_id, decision.sentence)
        await self._core.db(self._core.store.start_attempt, starting, attempt, token, event)
        await self._core.db(self._core.store.add_decisions, [decision])
        self._said.pop(job.submission_id, None)


_ACTIVE = [JobStatus.STARTING, JobStatus.RUNNING, JobStatus.UNREACHABLE]


def _max_new_nodes(runtime: PoolRuntime) -> dict[str, int]:
    """Workers by type that may still be added. Attached pools, and pools of fixed size, cannot grow by our doing."""
    if runtime.launcher is None:
        return {}
    live: dict[str, int] = {}
    for node in runtime.seen.nodes if runtime.seen else ():
        node_type = None if node.is_head else runtime.pool.type_of(node)
        if node_type:
            live[node_type.name] = live.get(node_type.name, 0) + 1
    return {
        t.name: 0 if t.name in runtime.lacking else max(0, t.max_nodes - live.get(t.name, 0))
        for t in runtime.pool.node_types
    }
