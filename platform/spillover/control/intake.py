"""From a submit request to an accepted job, or to a refusal that says why."""

from __future__ import annotations

import asyncio
import secrets
import string
from dataclasses import replace

from ..domain.access import Caller, Role
from ..domain.job import Job, SubmitRequest
from ..domain.pool import PoolStatus
from ..domain.resources import Demand, Resources
from ..errors import BadRequest, Forbidden
from ..placement.eligibility import refusals
from ..placement.forecast import UNKNOWN, Forecast
from ..placement.snapshot import PoolView, QueuedJob
from .core import Core
from .metadata import Said, read_metadata
from .packages import Packages, package_uris

_ALPHABET = string.ascii_letters + string.digits


class Intake:
    """Checks what is submitted and commits it."""

    def __init__(self, core: Core, packages: Packages) -> None:
        self._core = core
        self._packages = packages
        self._last_submit = 0.0
        self._in_order = asyncio.Lock()

    async def accept(self, caller: Caller, submission_id: str | None, request: SubmitRequest) -> Job:
        """Commit the job, or raise: BadRequest, Forbidden, DuplicateJob. From then on it cannot be lost."""
        await self._check_packages(caller, request)
        job = await self.draft(caller, submission_id or _random_id(), request)
        self._check_fits(job)
        text = f"submitted, needs {job.demand} ({job.demand_source})"
        event = self._core.event(caller.user, job.submission_id, text)
        async with self._in_order:
            # Committed in the order of their times: no pass may see a job before one that was submitted earlier
            job = replace(job, submitted_at=self._submit_time())
            await self._core.db(self._core.store.add_job, job, event)
        self._core.wake.set()
        return job

    async def draft(self, caller: Caller, submission_id: str, request: SubmitRequest) -> Job:
        """The job that this request would be, uncommitted. Raises BadRequest, Forbidden."""
        said = read_metadata(request.metadata)
        team = self._team(caller, said)
        demand, source = await self._demand(team, said, request)
        return Job(
            submission_id=submission_id,
            request=request,
            user=caller.user,
            team=team,
            priority=said.priority,
            demand=demand,
            demand_source=source,
            hints=said.hints,
            submitted_at=self._core.clock.now(),
            message="Waits to be placed.",
        )

    def _submit_time(self) -> float:
        # No two alike: submit order is the order of the queue
        self._last_submit = max(self._core.clock.now(), self._last_submit + 1e-5)
        return self._last_submit

    def _team(self, caller: Caller, said: Said) -> str:
        if said.team and said.team != caller.team and caller.role is not Role.ADMIN:
            mine = f"your token is of team '{caller.team}'"
            raise Forbidden(f"Forbidden: {mine}: it cannot submit for team '{said.team}'.")
        team = said.team or caller.team
        known = self._core.settings.may_burst
        if team not in known:
            raise BadRequest(f"team '{team}' is not in the settings; there are {', '.join(sorted(known))}")
        return team

    async def _check_packages(self, caller: Caller, request: SubmitRequest) -> None:
        for uri in package_uris(request.runtime_env):
            if not await self._packages.exists(caller.user, uri):
                raise BadRequest(f"Package {uri} does not exist. Upload it first, as Ray's clients do.")

    async def _demand(self, team: str, said: Said, request: SubmitRequest) -> tuple[Demand, str]:
        driver = entrypoint_resources(request)
        labels = tuple(sorted((request.entrypoint_label_selector or {}).items()))
        if said.bundles:
            return Demand(said.bundles, driver, labels), "declared by spillover/workers"
        if driver:
            return Demand((), driver, labels), "the entrypoint's own resources"
        seen = await self._core.db(self._core.store.observed_demand, team, request.entrypoint)
        if seen:
            return Demand(seen.bundles, seen.driver, labels), "what the same entrypoint was last seen to use"
        default = self._core.settings.default_demand
        return Demand(default.bundles, default.driver, labels), "the settings' defaults.demand"

    def _check_fits(self, job: Job) -> None:
        pools = self._core.pools.values()
        views = [PoolView(r.pool, status=PoolStatus.UP, nodes=r.seen.nodes if r.seen else ()) for r in pools]
        queued = queued_job(job, self._core)
        reasons = refusals(queued, views)
        if len(reasons) == len(views):
            lines = "; ".join(f"{pool}: {reason}" for pool, reason in reasons.items())
            raise BadRequest(f"No pool can ever run this job, which needs {job.demand} ({job.demand_source}). {lines}")


def _random_id() -> str:
    """As Ray's clients make them."""
    return "raysubmit_" + "".join(secrets.choice(_ALPHABET) for _ in range(16))


def entrypoint_resources(request: SubmitRequest) -> Resources:
    """What the entrypoint itself asked for."""
    named = {
        "CPU": request.entrypoint_num_cpus or 0.0,
        "GPU": request.entrypoint_num_gpus or 0.0,
        "memory": float(request.entrypoint_memory or 0),
    }
    return Resources(named).plus(Resources(request.entrypoint_resources or {}))


def queued_job(job: Job, core: Core, forecast: Forecast | None = None) -> QueuedJob:
    """The job as placement sees it. Without a forecast it can be asked where it fits, not what it costs."""
    return QueuedJob(
        submission_id=job.submission_id,
        user=job.user,
        team=job.team,
        priority=job.priority,
        submitted_at=job.submitted_at,
        demand=job.demand,
        hints=job.hints,
        runtime_s=forecast.mean_s if forecast else core.settings.default_runtime_s,
        runtime_source=forecast.source if forecast else UNKNOWN,
        not_before=job.not_before,
        may_burst=core.settings.team_may_burst(job.team),
        moved=job.moved_at is not None,
        forecast=forecast,
    )
