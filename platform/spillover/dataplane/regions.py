"""Region rules of requests: which backends may serve one, and which slots keep them apart.

A request is bound by its route's regions, its key's and those of its `X-Spillover-Region` header. A rule is the pair of
the last two. Each rule leads to a slot whose members all satisfy it, so no request can be sent on to another region,
whatever fails.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ..domain.serving import Backend, Route
from ..placement.eligibility import in_region


@dataclass(frozen=True)
class Rule:
    """`key` are the regions of the API key, `header` what the request asks for; empty: no rule. All in lower case."""

    key: tuple[str, ...] = ()
    header: str = ""

    def allows(self, region: str) -> bool:
        """Whether a backend in that region may serve the request."""
        return _any(region, self.key) and _any(region, (self.header,) if self.header else ())


def normal(regions: Iterable[str]) -> tuple[str, ...]:
    """Regions as rules hold them."""
    return tuple(sorted({region.lower() for region in regions}))


def _any(region: str, wanted: Sequence[str]) -> bool:
    return not wanted or any(in_region(region.lower(), w) for w in wanted)


def members(route: Route) -> tuple[Backend, ...]:
    """The route's backends where it may be served at all, in its order."""
    wanted = normal(route.regions)
    return tuple(b for b in route.backends if _any(b.region, wanted))


def rules(backends: Sequence[Backend], key_regions: Iterable[tuple[str, ...]]) -> Iterator[Rule]:
    """All rules that requests can have and some backend satisfies. The one that asks for nothing is always there."""
    headers = {"", *(prefix for b in backends for prefix in _prefixes(b.region.lower()))}
    for key in sorted({(), *key_regions}):
        for header in sorted(headers):
            rule = Rule(key, header)
            if rule == Rule() or any(rule.allows(b.region) for b in backends):
                yield rule


def exact(rule: Rule, backends: Sequence[Backend]) -> tuple[str, ...] | None:
    """The regions of the backends that the rule allows, as they are written; None for the rule that asks for nothing.

    Rules with the same backends share a slot. The one without a rule never does: a backend elsewhere may join it while
    requests wait there.
    """
    if rule == Rule():
        return None
    return tuple(sorted({b.region for b in backends if rule.allows(b.region)}))


def _prefixes(region: str) -> list[str]:
    """`eu-west-1`: `eu`, `eu-west`, `eu-west-1`."""
    parts = region.split("-")
    return ["-".join(parts[: i + 1]) for i in range(len(parts))]
