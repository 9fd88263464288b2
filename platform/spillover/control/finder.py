"""Finds the job that somebody means, if it is theirs to see."""

from __future__ import annotations

from ..domain.access import Caller
from ..domain.job import Job
from ..errors import NotFound
from .core import Core
from .rights import check_sees


class Finder:
    """Jobs by name."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def find(self, caller: Caller, any_id: str) -> Job:
        """A job by its submission id, or by `pool:core_job_id`. Raises NotFound, Forbidden."""
        store, db = self._core.store, self._core.db
        job = await db(store.job, any_id)
        pool, colon, core_id = any_id.partition(":")
        if job is None and colon:
            submission_id = await db(store.find_core_job, pool, core_id)
            job = await db(store.job, submission_id) if submission_id else None
        if job is None:
            raise NotFound(f"Job {any_id} does not exist")
        check_sees(caller, job)
        return job
