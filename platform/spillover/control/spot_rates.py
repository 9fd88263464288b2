"""How often the spot market took nodes back so far: measured where enough of them have lived."""

from __future__ import annotations

from collections.abc import Mapping

from ..domain.past import SpotPast
from ..domain.terms import SPOT_INTERRUPTIONS_PER_HOUR
from ..placement.interruptions import Rate
from .core import Core, PoolRuntime

_WINDOW_S = 30 * 86_400.0
_EVERY_S = 600.0
_HOUR_S = 3600.0

ENOUGH = 5.0
"""So many interruptions, seen or to be expected of nodes that lived so long, are enough to go by: two rates of three
are then less than half off. With fewer, chance would send jobs back and forth between markets."""


class SpotRates:
    """Reads the store every ten minutes: rates change slowly."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._read_at = float("-inf")
        self._known: dict[str, dict[str, Rate]] = {}

    async def of(self, runtime: PoolRuntime) -> Mapping[str, Rate]:
        """The measured rates of a pool's node types. Only of pools whose provider says why a machine has ended."""
        if runtime.provider is None:
            return {}
        now = self._core.clock.now()
        if now - self._read_at >= _EVERY_S:
            self._read_at = now
            self._known = {}
            for past in await self._core.db(self._core.store.spot_past, now - _WINDOW_S):
                if rate := measured(past):
                    self._known.setdefault(past.pool, {})[past.node_type] = rate
        return self._known.get(runtime.pool.name, {})


def measured(past: SpotPast) -> Rate | None:
    """Interruptions an hour of life; None if too little was seen."""
    hours = past.lived_s / _HOUR_S
    if not hours or max(past.reclaimed, hours * SPOT_INTERRUPTIONS_PER_HOUR) < ENOUGH:
        return None
    return Rate(past.reclaimed / hours, f"{past.reclaimed} in {hours:.0f} node-hours of the last 30 days")
