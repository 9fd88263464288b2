"""Names as HAProxy has them."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from spillover.dataplane.names import field, from_field, number_of, pool_of, prefix_key, replica, replica_of, server

WHERE = st.tuples(st.ip_addresses().map(str), st.integers(1, 65535)).map(lambda at: replica(*at))


@given(st.text(min_size=1), st.integers(1, 10**6), st.just("") | WHERE)
def test_a_pools_name_survives_being_a_server(pool: str, number: int, where: str) -> None:
    """Whatever the pool is called, its servers have names that HAProxy takes, and lead back to it and its replica."""
    name = server(pool, number, where)
    assert re.fullmatch(r"[A-Za-z0-9_:.-]+", name)
    assert (pool_of(name), replica_of(name), number_of(name)) == (pool, where, number)


@given(WHERE, WHERE)
def test_replicas_are_told_apart_by_where_they_listen(one: str, other: str) -> None:
    """Two have the same server only if they are the same."""
    assert (server("a", 1, one) == server("a", 1, other)) == (one == other)


@given(st.text().filter(lambda text: text != "-"))
def test_a_name_survives_being_a_field(text: str) -> None:
    """It holds nothing that ends a field or a line."""
    assert not re.search(r"[\s|;]", field(text))
    assert from_field(field(text)) == text


def test_what_is_no_pool_has_none() -> None:
    """The server that holds requests, no server at all, and no value."""
    assert [pool_of(name) for name in ("hold", "<NOSRV>", "-", "a.b")] == [""] * 4
    assert from_field("-") == ""


def test_prefixes_end_in_one_slash() -> None:
    """So that a path which only begins like one does not match."""
    assert [prefix_key(p) for p in ("/", "/chat", "/chat/")] == ["%2F", "%2Fchat%2F", "%2Fchat%2F"]
