"""A closer look at settings that can be read: would they work, and are they meant? Nothing is started for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..adapters.price_catalogue import Catalogue
from ..bootstrap.settings import make_pool
from ..config import Finding, Mistake, Reading, Settings
from ..errors import SettingsError
from .apart import apart_mistakes
from .demand import demand_mistakes
from .list_prices import catalogue_of, list_price_mistakes, on_aws, with_prices
from .local_clusters import layouts_of
from .policy import policy_mistakes
from .prices import price_mistakes
from .usable import usable_mistakes

__all__ = ["accept", "look"]


def look(reading: Reading, asked: Iterable[Mistake] = ()) -> list[Finding]:
    """Every mistake and warning that can be found without asking anybody, and those that asking brought."""
    if not reading.source.readable:
        return reading.told(asked)
    catalogue = catalogue_of(reading) if on_aws(reading.source.clusters) else Catalogue()
    return with_prices(reading, catalogue).told([*_closer(reading, catalogue), *asked])


def accept(reading: Reading) -> tuple[Settings, list[Finding]]:
    """The settings to start with, and what to warn of. Raises SettingsError with every mistake."""
    findings = look(reading)
    mistakes = [str(finding) for finding in findings if not finding.warning]
    if mistakes or reading.settings is None:
        raise SettingsError(mistakes)
    return reading.settings, findings


def _closer(reading: Reading, catalogue: Catalogue) -> Iterator[Mistake]:
    parts, clusters = reading.parts, reading.source.clusters
    layouts = layouts_of(clusters)
    yield from layouts.mistakes
    unread = {name for name, raw in parts.pools.items() if raw.kind == "launched"} - clusters.keys()
    clear = parts.pools.keys() - layouts.unclear - unread
    pools = {name: make_pool(name, raw) for name, raw in parts.pools.items() if name in clear}
    yield from policy_mistakes(parts.policy)
    yield from policy_mistakes(parts.shadow_policy, "shadow_policy")
    yield from apart_mistakes(parts, clusters, layouts.found)
    yield from price_mistakes(pools.values())
    yield from list_price_mistakes(pools.values(), clusters, catalogue)
    yield from usable_mistakes(pools.values(), parts, clusters)
    if parts.complete and len(pools) == len(parts.pools):
        yield from demand_mistakes(parts, list(pools.values()))
