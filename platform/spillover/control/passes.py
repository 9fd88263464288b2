"""The placement pass: look at everything, decide, commit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ..domain.decision import Decision, Verdict
from ..domain.host import HostState
from ..domain.job import Attempt, Job, JobStatus, JobTarget
from ..domain.pool import PoolKind, PoolRole, PoolState, PoolStatus, Usage
from ..placement.place import decide
from ..placement.snapshot import LiveWork, PoolView, QueuedJob, Snapshot
from .core import Core, PoolRuntime
from .forecasts import Forecasts
from .host_room import closed, coming
from .intake import queued_job
from .move_rules import STOPS_WITHIN_S, awaited_by, may_move
from .past_waits import PastWaits
from .placing import Placing
from .shadow import Shadow
from .spot_rates import SpotRates

_REWRITE_S = 15.0


class Passes:
    """Builds snapshots, asks placement, commits what it says."""

    def __init__(self, core: Core, shadow: Shadow | None = None) -> None:
        self._core = core
        self._shadow = shadow
        self._began = core.clock.now()
        self._forecasts = Forecasts(core)
        self._past = PastWaits(core, self._forecasts)
        self.order: dict[str, int] = {}
        # Also of attempts that have ended: what they held may be seen for a moment longer, and is not foreign use
        self._owners: dict[str, str] = {}
        self._said: dict[str, tuple[str, str, float]] = {}
        self._arriving: frozenset[str] = frozenset()
        self._placing = Placing(core)
        self._rates = SpotRates(core)

    async def snapshot(self, *, kept_room: bool = True) -> Snapshot:
        """Queue and pools at this instant. `kept_room`: what is kept for jobs on their way counts as taken."""
        store, db = self._core.store, self._core.db
        live = await db(store.live_attempts)
        waiting = [j for j in await db(store.jobs, [JobStatus.QUEUED]) if j.target is JobTarget.RUN]
        for job in waiting:
            if job.wait_reason:  # said before a restart
                self._said.setdefault(job.submission_id, (job.wait_reason, job.message, 0.0))
        now = self._core.clock.now()
        self._arriving = frozenset(j.submission_id for j in waiting if j.move_to and awaited_by(j, now))
        active = {j.submission_id: j for j in await db(store.jobs, _ACTIVE)}
        states = await db(store.pool_states)
        await self._forecasts.learn(active.values(), live)
        forecasts = await self._forecasts.of_all(waiting)
        queued = [queued_job(job, self._core, said) for job, said in zip(waiting, forecasts, strict=True)]
        hosts = await db(store.hosts) if any(runtime.hosts for runtime in self._core.pools.values()) else []
        views = [
            await self._view(runtime, states.get(name) or PoolState(name), live, active, hosts)
            for name, runtime in self._core.pools.items()
        ]
        if kept_room and any(job.move_to for job in active.values()):
            views = [await self._with_kept_room(view, active.values()) for view in views]
        past = await self._past.newest(live)
        at, terms = self._core.clock.now(), self._core.settings.terms
        return Snapshot(at, tuple(queued), tuple(views), past, terms)

    async def queued(self, job: Job) -> QueuedJob:
        """The job as placement sees it, with what like jobs took."""
        await self._forecasts.ready()
        return queued_job(job, self._core, self._forecasts.of(job))

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
            interruptions=await self._rates.of(runtime),
        )

    async def _with_kept_room(self, view: PoolView, active: Iterable[Job]) -> PoolView:
        """The pool with jobs that stop elsewhere to come here: from the decision on, nobody else gets their room."""
        now, name = self._core.clock.now(), view.pool.name
        queued = [await self.queued(job) for job in active if awaited_by(job, now) == name]
        coming = [LiveWork(q.submission_id, q.team, q.demand, now + q.runtime_s) for q in queued]
        return replace(view, work=(*view.work, *coming)) if coming else view

    async def _work(self, attempt: Attempt, job: Job, startup_s: float) -> LiveWork:
        now, queued = self._core.clock.now(), await self.queued(job)
        started, begins = attempt.started_at, max(attempt.committed_at + startup_s, now)
        return LiveWork(
            submission_id=job.submission_id,
            team=job.team,
            demand=job.demand,
            ends_at=self._ends_at(job, started, begins + queued.runtime_s),
            node_type=attempt.node_type,
            began_at=started,
            forecast=queued.forecast,
            movable=queued if may_move(job, attempt, now, self._core.settings.move_cooldown_s) else None,
        )

    def _ends_at(self, job: Job, started: float | None, otherwise: float) -> float:
        """When the attempt is expected to end: soon, if it is being stopped to go on elsewhere."""
        if job.move_to is not None:
            return (job.moved_at or 0.0) + STOPS_WITHIN_S
        return otherwise if started is None else self._forecasts.ends_at(job, started)

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

    async def settle(self) -> None:
        """Wait until no pass is being compared with the shadow policy."""
        if self._shadow is not None:
            await self._shadow.idle()

    async def close(self) -> None:
        """Compare no more."""
        if self._shadow is not None:
            await self._shadow.close()

    async def run(self) -> Sequence[Decision]:
        """One pass. Returns what was decided."""
        snapshot = await self.snapshot()
        if not snapshot.jobs or await self._looks_are_due():
            return ()
        arrived = await self._take_arrivals(snapshot) if self._arriving else ()
        snapshot = await self.snapshot() if arrived else snapshot
        # A pass over thousands of jobs must not hold up the gateway
        decisions = await self._core.db(decide, snapshot, self._core.policy)
        self.order = {d.submission_id: place for place, d in enumerate(decisions)}
        for decision in decisions:
            if decision.verdict is Verdict.TAKE:
                await self._place(decision)
        await self._wait([d for d in decisions if d.verdict is Verdict.WAIT])
        if self._shadow is not None:
            self._shadow.see(snapshot, decisions)
        return (*arrived, *decisions)

    async def _take_arrivals(self, snapshot: Snapshot) -> Sequence[Decision]:
        """Jobs that were stopped elsewhere for the room that they find now: nobody else is asked before them.

        Where it is gone, a job waits with all others, or bursts again, as the policy says.
        """
        jobs = tuple(job for job in snapshot.jobs if job.submission_id in self._arriving)
        decisions = await self._core.db(decide, replace(snapshot, jobs=jobs), self._core.policy)
        burst = {name for name, runtime in self._core.pools.items() if runtime.pool.role is PoolRole.BURST}
        home = [d for d in decisions if d.verdict is Verdict.TAKE and d.pool not in burst]
        for decision in home:
            await self._place(decision)
        return home

    async def _place(self, decision: Decision) -> None:
        if await self._placing.take(decision):
            self._said.pop(decision.submission_id, None)

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
