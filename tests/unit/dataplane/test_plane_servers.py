"""From the servers that a slot has to those that it should have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from spillover.dataplane.servers import Server, Wanted, arranged, as_configured, commands
from spillover.dataplane.shape import ID_STEP


def want(pool: str, limit: int = 4, *, port: int = 80, ready: bool = True) -> Wanted:
    return Wanted(pool, "10.0.0.1", port, limit, ready)


def names(servers: Sequence[Server]) -> list[str]:
    return [s.name for s in servers]


def said(target: Sequence[Server], live: Sequence[Server]) -> list[str]:
    return [*commands("q", target, live, leaving=False), *commands("q", target, live, leaving=True)]


def test_nothing_is_said_when_nothing_is_new() -> None:
    """What is there as it should be is left alone."""
    live = arranged([want("a"), want("b", ready=False)], ())
    assert said(arranged([want("a"), want("b", ready=False)], live), live) == []


def test_a_change_is_said_of_the_server_that_is_there() -> None:
    """Limit, door and address change without a new server."""
    live = arranged([want("a")], ())
    target = arranged([want("a", 7, port=81, ready=False)], live)
    assert said(target, live) == [
        "set server q/a.1 addr 10.0.0.1 port 81",
        "set maxconn server q/a.1 7",
        "set server q/a.1 state drain",
    ]


def test_replicas_of_a_pool_are_servers_of_their_own() -> None:
    """One that comes is put among its mates, before the next pool; one that goes leaves the others as they are."""
    one, two, cloud = (replace(want(p), replica=r) for p, r in (("a", "10_0_0_1:1"), ("a", "10_0_0_2:1"), ("b", "")))
    live = arranged([one, cloud], ())
    target = arranged([one, two, cloud], live)
    assert names(target) == ["a.10_0_0_1:1-1", "a.10_0_0_2:1-1", "b.1"]
    assert [s.position for s in target] == sorted(s.position for s in target)
    assert said(target, live)[0].startswith("add server q/a.10_0_0_2:1-1 10.0.0.1:80 id ")
    assert said(arranged([two, cloud], target), target) == ["set server q/a.10_0_0_1:1-1 state drain"]


def test_a_limit_of_none_closes_the_door() -> None:
    """HAProxy takes a limit of 0 for no limit at all."""
    (server,) = arranged([want("a", 0)], ())
    assert (server.ready, server.limit) == (False, 1)


def test_a_newcomer_finds_room_between_two_that_stay() -> None:
    """Nobody else is touched."""
    live = arranged([want("a"), want("c")], ())
    target = arranged([want("a"), want("b"), want("c")], live)
    assert names(target) == ["a.1", "b.1", "c.1"]
    assert [c.split()[:3] for c in said(target, live)] == [
        ["add", "server", "q/b.1"],
        ["enable", "health", "q/b.1"],
        ["set", "server", "q/b.1"],
    ]


def test_who_cannot_keep_its_place_gets_a_second_server() -> None:
    """The first takes nothing new, and is deleted when its requests have ended."""
    live = arranged([want("a"), want("b")], ())
    target = arranged([want("b"), want("a")], live)
    assert names(target) == ["b.1", "a.2"]
    after = [*target, replace(live[0], ongoing=1)]
    assert said(target, live)[-1] == "set server q/a.1 state drain"
    drained = replace(after[-1], ready=False)
    assert said(target, [*target, drained]) == []
    assert said(target, [*target, replace(drained, ongoing=0)]) == ["set server q/a.1 state maint", "del server q/a.1"]


def test_an_address_with_colons_is_bracketed() -> None:
    """Else its port could not be told."""
    (server,) = arranged([Wanted("a", "::1", 80, 4, ready=True)], ())
    assert as_configured(server) == f"server a.1 [::1]:80 id {ID_STEP} maxconn 4 check"


orders = st.lists(st.lists(st.sampled_from("abcdef"), unique=True), min_size=1, max_size=30)


@given(orders)
def test_the_order_is_right_after_any_history(history: list[list[str]]) -> None:
    """Ids rise in the order that was asked for, none is used twice, and none runs out of range."""
    live: list[Server] = []
    for order in history:
        target = arranged([want(p) for p in order], live)
        assert [s.pool for s in target] == order
        ids = [s.position for s in target]
        assert ids == sorted(ids)
        leaving = [s for s in live if s.name not in names(target)]
        everyone = [s.position for s in [*target, *leaving]]
        assert len(set(everyone)) == len(everyone)
        assert max(everyone, default=0) < 1 << 31
        live = [*target, *leaving[:2]]
