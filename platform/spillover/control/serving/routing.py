"""Where requests go: from replicas that run to the data plane's table, and when a pool has been drained."""

from __future__ import annotations

import logging
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import urlsplit

from ...domain.job import Attempt, Job, JobStatus, JobTarget
from ...domain.pool import Pool, PoolRole
from ...domain.serving import ApiKey, Application, Backend, Door, Route, RouteLoad, Table
from ...errors import DataPlaneError
from ..core import SYSTEM, Core
from .replicas import ingresses

log = logging.getLogger(__name__)

_MAY_ANSWER = (JobStatus.STARTING, JobStatus.RUNNING)
_SETTLED_S = 0.5
"""A request may have passed the door in the moment when it was closed: so long it must have been seen empty."""


class Gate:
    """The data plane, as control tells it and asks it."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._table = Table()
        self._said = ""
        self._draining: dict[tuple[str, str], tuple[float, float]] = {}  # since when, and until when at most
        self._empty: dict[tuple[str, str], float] = {}
        self.loads: Mapping[str, RouteLoad] = {}

    async def look(self) -> None:
        """Ask what there is to do now."""
        plane = self._core.dataplane
        self.loads = await plane.load() if plane is not None else {}
        now = self._core.clock.now()
        busy = {(load.application, b.pool) for load in self.loads.values() for b in load.backends if b.ongoing}
        self._empty = {key: self._empty.get(key, now) for key in self._draining if key not in busy}

    def drained(self, application: str, pool: str) -> bool:
        """Whether no request of the application is at the pool any more, and no new one goes there."""
        if self._core.dataplane is None:
            return True
        now, key = self._core.clock.now(), (application, pool)
        if key not in self._draining:
            # Its door was never seen open, or it is still to be closed
            routes = (route for route in self._table.routes if route.application == application)
            return not any(backend.pool == pool for route in routes for backend in route.backends)
        empty = key in self._empty and now - self._empty[key] >= _SETTLED_S
        return empty or now >= self._draining[key][1]

    async def set(self, routes: Sequence[Route], keys: Sequence[ApiKey]) -> None:
        """Have the data plane do this. What it does not take is said once, and tried again."""
        plane, now = self._core.dataplane, self._core.clock.now()
        table = Table(tuple(sorted(routes, key=lambda r: (-len(r.prefix), r.prefix))), tuple(keys))
        if plane is None or (not table.routes and not self._table.routes):
            return
        try:
            await plane.apply(table)
            self._said = ""
        except DataPlaneError as error:
            await self._complain(str(error))
            return
        self._table = table
        closed = {(r.application, b.pool): r.timeout_s for r in routes for b in r.backends if b.door is Door.DRAIN}
        self._draining = {key: self._draining.get(key, (now, now + most)) for key, most in closed.items()}

    async def _complain(self, text: str) -> None:
        if text == self._said:
            return
        self._said = text
        log.error("the data plane does not do what it should: %s", text)
        await self._core.db(self._core.store.add_event, self._core.event(SYSTEM, "dataplane", text))


def route_of(
    core: Core,
    application: Application,
    replicas: Iterable[tuple[Job, Attempt | None]],
    addresses: Mapping[str, str],
    listening: Mapping[str, tuple[tuple[str, int], ...]],
    *,
    spill: bool,
) -> Route:
    """Where its requests go: owned replicas first, then rented ones by price.

    `addresses` are those of the pools' dashboards: the proxies of their Serve are on the same hosts. `listening` says
    where replicas listen themselves, by pool. Replicas that are to stop take no new request, nor do rented ones while
    nothing spills.
    """
    terms = application.terms
    here: dict[str, list[tuple[Job, Attempt]]] = defaultdict(list)
    for job, attempt in replicas:
        # One that ran once is not taken out when it is counted anew: the data plane's own checks see what answers
        ran = attempt is not None and attempt.started_at is not None and job.status in _MAY_ANSWER
        if attempt is not None and ran and attempt.pool in addresses:
            here[attempt.pool].append((job, attempt))
    backends = [
        _backend(application, core.pools[name].pool, addresses[name], listening.get(name, ()), there, spill=spill)
        for name, there in here.items()
    ]
    backends.sort(key=lambda b: (core.pools[b.pool].pool.role is PoolRole.BURST, _price(core, here[b.pool]), b.pool))
    return Route(
        application=application.name,
        prefix=application.route_prefix,
        backends=tuple(backends),
        retry_safe=terms.retry_safe,
        request_limit_bytes=terms.request_limit_bytes,
        timeout_s=terms.timeout_s,
        regions=terms.regions,
    )


def _backend(
    application: Application,
    pool: Pool,
    address: str,
    listening: tuple[tuple[str, int], ...],
    there: Sequence[tuple[Job, Attempt]],
    *,
    spill: bool,
) -> Backend:
    staying = [job for job, attempt in there if job.target is JobTarget.RUN and attempt.stop_sent_at is None]
    is_open = staying and (spill or pool.role is PoolRole.BASELINE)
    return Backend(
        pool=pool.name,
        host=urlsplit(address).hostname or "",
        port=pool.serve_port,
        region=pool.region,
        limit=_limit(application, max(1, len(staying) or len(there)), len(listening)),
        door=Door.OPEN if is_open else Door.DRAIN,
        replicas=listening,
    )


def _limit(application: Application, replicas: int, listening: int) -> int:
    """Requests at once for so many replicas. Where fewer listen than there should, those get no more for it."""
    most = replicas * application.terms.ongoing
    share = listening / (replicas * ingresses(application)) if listening else 1.0
    return math.ceil(most * min(1.0, share))


def _price(core: Core, there: Sequence[tuple[Job, Attempt]]) -> float:
    pool = core.pools[there[0][1].pool].pool
    types = [pool.node_type(attempt.node_type) for _, attempt in there]
    return min((t.price_usd_per_hour for t in types if t), default=0.0)
