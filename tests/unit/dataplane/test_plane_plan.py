"""What a table means for HAProxy."""

from __future__ import annotations

import pytest

from spillover.dataplane.plan import Plan, SlotKey, plan_of
from spillover.domain.serving import ApiKey, Backend, Route, Table

EU = Backend("onprem", "h", 8000, "eu-west-1", 4)
CENTRAL = Backend("near", "h", 8000, "eu-central-1", 4)
US = Backend("cloud", "h", 8000, "us-east-1", 4)


def key(name: str = "k", **terms: object) -> ApiKey:
    return ApiKey(**{"key_id": name, "key_hash": "AB", "tenant": "t", "created_at": 0.0, "created_by": "me"} | terms)  # type: ignore[arg-type]


def plan(*backends: Backend, keys: tuple[ApiKey, ...] = (), **terms: object) -> Plan:
    return plan_of(Table((Route("chat", "/chat", backends, **terms),), keys))  # type: ignore[arg-type]


def pools(made: Plan, place: str) -> list[str]:
    """Who may serve requests of a place; none if there is no such place."""
    slot = made.places.get(place)
    return [b.pool for b in made.slots[slot]] if slot else []


def test_each_rule_leads_to_all_that_it_allows_in_the_routes_order() -> None:
    """Prefixes of regions end at a dash, and what a rule does not allow is never in its slot."""
    made = plan(US, EU, CENTRAL)
    assert pools(made, "chat|*|") == ["cloud", "onprem", "near"]
    assert pools(made, "chat|*|eu") == ["onprem", "near"]
    assert pools(made, "chat|*|eu-west") == ["onprem"]
    assert pools(made, "chat|*|us-east-1") == ["cloud"]
    assert pools(made, "chat|*|e") == []
    assert pools(made, "chat|*|eu-west-1-a") == []


def test_key_and_header_bind_together() -> None:
    """A key of eu that asks for us has no place; one that asks for a part of eu has that part."""
    made = plan(US, EU, CENTRAL, keys=(key(regions=("EU",)),))
    assert pools(made, "chat|eu|") == ["onprem", "near"]
    assert pools(made, "chat|eu|eu-central-1") == ["near"]
    assert pools(made, "chat|eu|us") == []
    assert pools(made, "chat|eu|us-east-1") == []


def test_a_routes_regions_hold_for_every_request() -> None:
    """A pool outside of them is in no slot at all."""
    made = plan(US, EU, regions=("eu",))
    assert {b.pool for members in made.slots.values() for b in members} == {"onprem"}


def test_rules_with_the_same_pools_share_a_slot_but_not_with_requests_without_rule() -> None:
    """A pool elsewhere may join the slot without a rule while requests wait there."""
    made = plan(EU)
    assert made.places["chat|*|eu"] == made.places["chat|*|eu-west-1"]
    assert made.places["chat|*|"] != made.places["chat|*|eu"]
    assert not made.places["chat|*|eu"].takes(US)


def test_an_application_without_backends_has_a_place_to_wait_in() -> None:
    """Requests without a rule are held, those with one are refused."""
    made = plan()
    assert list(made.places) == ["chat|*|"]
    assert made.slots == {SlotKey("chat", "*", 60): ()}


@pytest.mark.parametrize(("timeout_s", "queue_s"), [(0.2, 1), (5.0, 5), (14.9, 5), (60.0, 60), (9999.0, 300)])
def test_the_wait_in_the_queue_fits_into_the_time_limit(timeout_s: float, queue_s: int) -> None:
    """It is the longest on offer that is not over it, and the shortest if all are."""
    assert plan(EU, timeout_s=timeout_s).places["chat|*|"].queue_s == queue_s


def test_what_is_still_waiting_keeps_its_pools() -> None:
    """A slot that the plan does not have any more takes those backends of the application that it always took."""
    made = plan(EU, US)
    assert made.members(SlotKey("chat", "eu-central-1,eu-west-1", 60)) == (EU,)
    assert made.members(SlotKey("gone", "*", 60)) == ()


def test_maps_hold_what_haproxy_looks_up() -> None:
    """Names are percent-encoded, so that none can end a field; what is not set is a star."""
    made = plan_of(
        Table(
            (Route("a|b", "/a b/", (), retry_safe=True, request_limit_bytes=7, timeout_s=0.0015),),
            (key("k|1", tenant="t t", applications=("a|b",), tokens_per_minute=9, expires_at=1.9),),
        )
    )
    assert made.routes == {"%2Fa%20b%2F": "a%7Cb|7|2|safe"}
    assert made.keys == {"ab": "k%7C1|t%20t|*|*|9|1|some"}
    assert made.grants == {"k%7C1|a%7Cb": "1"}
