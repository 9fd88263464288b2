"""Moves running jobs that can resume to where they are better off.

A move is three steps, each persisted: the intent is written on the job's row (here), the attempt is stopped and ends as
MOVED (`attempts`), and the job, queued again, is offered its new place before all others (`passes`). Whatever dies
between them, the job is either running or queued.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Sequence

from ..domain.decision import Decision
from ..domain.job import Attempt, AttemptStatus, Job
from ..domain.pool import PoolStatus
from ..errors import StaleClaim
from ..placement.policies import Policy
from ..placement.snapshot import Snapshot
from .core import SYSTEM, Core
from .move_rules import begin, may_move
from .passes import Passes

log = logging.getLogger(__name__)

Moves = Callable[[Snapshot, Policy], Sequence[Decision]]
"""Which running jobs should go elsewhere, and why."""


class Moving:
    """Asks placement which jobs to move, and writes down that they shall be."""

    def __init__(self, core: Core, passes: Passes, moves: Moves) -> None:
        self._core = core
        self._passes = passes
        self._moves = moves

    async def look(self) -> None:
        """Decide about all running jobs that may be moved. Costs nothing where there is none."""
        if not await self._any_could():
            return
        snapshot = await self._passes.snapshot()
        if not any(work.movable for view in snapshot.pools for work in view.work):
            return
        for decision in await self._core.db(self._moves, snapshot, self._core.policy):
            await self.begin(decision)

    async def _any_could(self) -> bool:
        attempts = await self._core.db(self._core.store.live_attempts)
        return len(self._core.pools) > 1 and any(a.status is AttemptStatus.RUNNING for a in attempts)

    async def begin(self, decision: Decision) -> None:
        """Write down that a job is to be moved, if that still makes sense."""
        store, db, now = self._core.store, self._core.db, self._core.clock.now()
        token = secrets.token_hex(8)
        if not await db(store.claim, decision.submission_id, token, now, now + self._core.settings.claim_s):
            return
        try:
            found = await self._as_decided(decision)
            if found is not None:
                await self._write(*found, decision, token)
        except StaleClaim:
            log.info("job %s was taken over meanwhile", decision.submission_id)
        finally:
            await db(store.release, decision.submission_id, token)

    async def _as_decided(self, decision: Decision) -> tuple[Job, Attempt] | None:
        """The job and its live attempt, if the decision still makes sense."""
        store, db, now = self._core.store, self._core.db, self._core.clock.now()
        job = await db(store.job, decision.submission_id)
        live = [a for a in await db(store.attempts, decision.submission_id) if a.status is not AttemptStatus.ENDED]
        known = decision.pool is None or decision.pool in self._core.pools
        if job is None or not live or not known or live[0].pool == decision.pool:
            return None
        state = (await db(store.pool_states)).get(live[0].pool)
        answers = state is not None and state.status is PoolStatus.UP and state.session_name == live[0].session_name
        return (job, live[0]) if answers and may_move(job, live[0], now, self._core.settings.move_cooldown_s) else None

    async def _write(self, job: Job, attempt: Attempt, decision: Decision, token: str) -> None:
        job, attempt = begin(job, attempt, decision.pool, decision.sentence, self._core.clock.now())
        event = self._core.event(SYSTEM, job.submission_id, decision.sentence)
        await self._core.db(self._core.store.update_attempt, attempt, job, token, event)
        await self._core.db(self._core.store.add_decisions, [decision])
        self._core.wake.set()
