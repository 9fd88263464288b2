"""Commits what placement takes: the attempt, together with its job."""

from __future__ import annotations

import logging
import secrets
from dataclasses import replace

from ..domain.decision import Decision
from ..domain.job import Attempt, Job, JobStatus, JobTarget, attempt_id
from ..errors import DuplicateJob, StaleClaim
from .core import SYSTEM, Core

log = logging.getLogger(__name__)


class Placing:
    """From QUEUED to STARTING."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def take(self, decision: Decision) -> bool:
        """Commit an attempt, if the job still waits. Returns whether it did."""
        store, db, now = self._core.store, self._core.db, self._core.clock.now()
        token = secrets.token_hex(8)
        if not await db(store.claim, decision.submission_id, token, now, now + self._core.settings.claim_s):
            return False
        try:
            job = await db(store.job, decision.submission_id)
            if job and job.status is JobStatus.QUEUED and job.target is JobTarget.RUN:
                await self._commit_free(job, decision, token)
                return True
        except StaleClaim:
            log.info("job %s was taken over meanwhile", decision.submission_id)
        finally:
            await db(store.release, decision.submission_id, token)
        return False

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
            move_to=None,
        )
        event = self._core.event(SYSTEM, job.submission_id, decision.sentence)
        await self._core.db(self._core.store.start_attempt, starting, attempt, token, event)
        await self._core.db(self._core.store.add_decisions, [decision])
