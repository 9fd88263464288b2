"""Reads the requests that have ended from the data plane: into the ledger, and into what a request takes."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence

from ...domain.money import day_of
from ...domain.pool import PoolRole
from ...domain.serving import Served, Usage
from ..core import Core

log = logging.getLogger(__name__)

_EVERY_S = 1.0
_WEIGHT = 0.1
_AT_ONCE = 20
"""Batches read in one go: more would hold up whoever waits for the next look."""


class RequestMeter:
    """Books requests once each, whatever dies in between: the mark up to which they were read is booked with them."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._due = 0.0
        self._service_s: dict[str, float] = {}

    def service_s(self, application: str) -> float | None:
        """What a request takes in an owned replica, queueing left out, lately; None while none was measured."""
        return self._service_s.get(application)

    async def read(self) -> None:
        """Book what has ended since the last time."""
        plane, now = self._core.dataplane, self._core.clock.now()
        if plane is None or now < self._due:
            return
        self._due = now + _EVERY_S
        mark = await self._core.db(self._core.store.usage_mark)
        for _ in range(_AT_ONCE):
            served, after = await plane.served(mark)
            if after == mark:
                return
            await self._core.db(self._core.store.add_usage, summed(served), after)
            self._learn(served)
            mark = after

    def _learn(self, served: Sequence[Served]) -> None:
        pools = self._core.pools
        for one in served:
            runtime = pools.get(one.pool)
            if runtime is None or runtime.pool.role is not PoolRole.BASELINE or not 200 <= one.status < 400:
                continue
            took, before = one.total_s - (one.wait_s or 0.0), self._service_s.get(one.application)
            self._service_s[one.application] = took if before is None else before + _WEIGHT * (took - before)


def summed(served: Sequence[Served]) -> list[Usage]:
    """Requests as sums by day, application, key and pool."""
    groups: dict[tuple[str, str, str, str, str], list[Served]] = defaultdict(list)
    for one in served:
        groups[day_of(one.at).isoformat(), one.application, one.key_id, one.tenant, one.pool].append(one)
    return [
        Usage(
            *key,
            requests=len(group),
            errors=sum(one.status < 200 or one.status >= 400 for one in group),
            tokens_in=sum(one.tokens_in for one in group),
            tokens_out=sum(one.tokens_out for one in group),
            busy_s=sum(one.total_s - (one.wait_s or 0.0) for one in group),
        )
        for key, group in groups.items()
    ]
