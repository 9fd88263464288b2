"""How many instances the cloud has left, by type, market and zone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .records import Record


class Capacity:
    """Limits by "type/market" and "type/market/zone"; what is not named, or None, is endless."""

    def __init__(self) -> None:
        self._limits: dict[str, int | None] = {}

    def set(self, limits: Mapping[str, int | None]) -> None:
        """Change these limits, and leave the others."""
        self._limits.update({key.replace("on-demand", "on_demand"): limit for key, limit in limits.items()})

    def left(self, kind: str, market: str, zone: str, live: Sequence[Record]) -> int | None:
        """How many more there may be; None is endless."""
        alike = [record for record in live if (record.type, record.market) == (kind, market)]
        free = [
            limit - used
            for key, used in (
                (f"{kind}/{market}", len(alike)),
                (f"{kind}/{market}/{zone}", sum(record.zone == zone for record in alike)),
            )
            if (limit := self._limits.get(key)) is not None
        ]
        return max(0, min(free)) if free else None
