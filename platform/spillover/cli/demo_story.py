"""What happens in a demo, from the first node to the last job, on a Spillover that runs already."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..bootstrap.serving import Platform
from ..domain.answers import Bill
from ..domain.questions import CostQuery
from ..errors import SpilloverError
from .demo_face import Face
from .demo_jobs import USERS, Plan, add_home, folder_of, plans, submit
from .demo_look import WATCHER, JobLine, Look, Watcher
from .demo_site import CLOUD, ONPREM, Site

STEPS = 250
LIMIT_S = 600.0
_LOOK_EVERY_S = 0.7
_RAISE_LIMIT_S = 150.0


@dataclass(frozen=True)
class Ending:
    """What the tables at the end are made of."""

    jobs: tuple[JobLine, ...]
    cost: Bill


class Story:
    """One demo. `run` may be cancelled anywhere: it takes the command line that it runs along."""

    def __init__(self, running: Platform, site: Site, jobs: Path, face: Face) -> None:
        self._running = running
        self._site = site
        self._jobs = jobs
        self._face = face
        self._watcher = Watcher(running.control)
        self._until = asyncio.get_running_loop().time() + LIMIT_S

    async def run(self) -> Ending:
        """Raises SpilloverError if it cannot come to its end."""
        await self._see("raising on-prem", self._has_onprem, _RAISE_LIMIT_S)
        await self._add_users()
        for plan in plans(STEPS):
            await self._submit(plan)
        await self._see("training", lambda look: all(job.ended for job in look.jobs))
        look = await self._see("the idle cloud goes back to zero", _cloud_is_down)
        self._face.say("All jobs have ended, and the cloud is back at zero.")
        return Ending(look.jobs, await self._cost())

    async def _add_users(self) -> None:
        for user, team in USERS.items():
            add_home(self._site, user, await self._running.add_user(user, team))
        address = self._running.address
        self._face.say(f"Everybody: export RAY_API_SERVER_ADDRESS={address} RAY_AUTH_MODE=token")

    async def _submit(self, plan: Plan) -> None:
        self._face.say(f"{plan.user}$ {plan.typed(folder_of(self._jobs))}")
        task = asyncio.create_task(submit(plan, self._site, self._running.address, self._jobs))
        try:
            await self._see("submitting", lambda _: task.done())
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _see(self, phase: str, holds: Callable[[Look], bool], limit_s: float = LIMIT_S) -> Look:
        """Look, and show what is seen, until it holds."""
        loop = asyncio.get_running_loop()
        until = min(self._until, loop.time() + limit_s)
        while True:
            look = await self._watcher.look()
            self._face.show(look, phase)
            if holds(look):
                return look
            if loop.time() > until:
                raise SpilloverError(f"'{phase}' took too long: given up")
            await asyncio.sleep(_LOOK_EVERY_S)

    def _has_onprem(self, look: Look) -> bool:
        pool = look.pool(ONPREM)
        if "could not be raised" in pool.message:
            raise SpilloverError(f"pool {ONPREM} {pool.message}")
        return any(not node.is_head for node in pool.nodes)

    async def _cost(self) -> Bill:
        await self._running.control.loop.meter_now()
        return await self._running.control.insight.cost(WATCHER, CostQuery(by=("pool", "job")))


def _cloud_is_down(look: Look) -> bool:
    pool = look.pool(CLOUD)
    return pool.status == "down" and not pool.nodes
