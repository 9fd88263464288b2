"""What a table means for HAProxy: slots with their members, and maps. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..domain.serving import ApiKey, Backend, Route, Table
from .names import field as text
from .names import prefix_key
from .regions import exact, members, normal, rules
from .shape import QUEUE_S


@dataclass(frozen=True, order=True)
class SlotKey:
    """What a slot is for: one application's requests, in these regions ("*": any), which wait so long at most."""

    application: str
    regions: str
    queue_s: int

    def takes(self, backend: Backend) -> bool:
        """Whether a backend of the application belongs into the slot."""
        return self.regions == "*" or backend.region in self.regions.split(",")


@dataclass(frozen=True)
class Plan:
    """`slots`: who is in each, in the order of preference. `places`: the slot for requests of (application, rule).

    The other maps are as HAProxy looks them up, each from key to value.
    """

    slots: Mapping[SlotKey, tuple[Backend, ...]]
    places: Mapping[str, SlotKey]
    routes: Mapping[str, str]
    keys: Mapping[str, str]
    grants: Mapping[str, str]
    backends: Mapping[str, tuple[Backend, ...]] = field(default_factory=dict)

    def members(self, key: SlotKey) -> tuple[Backend, ...]:
        """Who may serve what still waits in a slot that the plan does not have any more."""
        return tuple(b for b in self.backends.get(key.application, ()) if key.takes(b))


def plan_of(table: Table) -> Plan:
    """The plan for a table."""
    slots: dict[SlotKey, tuple[Backend, ...]] = {}
    places: dict[str, SlotKey] = {}
    key_regions = {normal(k.regions) for k in table.keys}
    for route in table.routes:
        for place, slot in _places(route, key_regions).items():
            places[place] = slot
            slots[slot] = tuple(b for b in members(route) if slot.takes(b))
    return Plan(
        slots,
        places,
        {prefix_key(r.prefix): _route(r) for r in table.routes},
        {k.key_hash.lower(): _key(k) for k in table.keys},
        {f"{text(k.key_id)}|{text(a)}": "1" for k in table.keys for a in k.applications},
        {r.application: members(r) for r in table.routes},
    )


def _places(route: Route, key_regions: set[tuple[str, ...]]) -> dict[str, SlotKey]:
    backends, queue_s = members(route), _queue_s(route.timeout_s)
    places = {}
    for rule in rules(backends, key_regions):
        regions = exact(rule, backends)
        key = SlotKey(route.application, "*" if regions is None else ",".join(regions), queue_s)
        places[f"{text(route.application)}|{_regions(rule.key)}|{text(rule.header)}"] = key
    return places


def _queue_s(timeout_s: float) -> int:
    """The longest wait in the queue that slots offer and the route's time limit allows."""
    return max((q for q in QUEUE_S if q <= timeout_s), default=QUEUE_S[0])


def _route(route: Route) -> str:
    """`application|bytes|milliseconds|safe or never`."""
    retry = "safe" if route.retry_safe else "never"
    timeout_ms = max(1, round(route.timeout_s * 1000))
    return f"{text(route.application)}|{route.request_limit_bytes}|{timeout_ms}|{retry}"


def _key(key: ApiKey) -> str:
    """`id|tenant|regions|requests|tokens|expiry|all or some`; `*` is none."""
    limits = [key.requests_per_minute, key.tokens_per_minute, None if key.expires_at is None else int(key.expires_at)]
    numbers = "|".join("*" if n is None else str(n) for n in limits)
    whom = "some" if key.applications else "all"
    return f"{text(key.key_id)}|{text(key.tenant)}|{_regions(normal(key.regions))}|{numbers}|{whom}"


def _regions(regions: tuple[str, ...]) -> str:
    return text(",".join(regions)) or "*"
