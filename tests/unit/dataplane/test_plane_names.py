"""Names as HAProxy has them."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from spillover.dataplane.names import field, from_field, number_of, pool_of, prefix_key, server


@given(st.text(min_size=1), st.integers(1, 10**6))
def test_a_pools_name_survives_being_a_server(pool: str, number: int) -> None:
    """Whatever the pool is called, its server has a name that HAProxy takes, and leads back to it."""
    name = server(pool, number)
    assert re.fullmatch(r"[A-Za-z0-9_:.-]+", name)
    assert (pool_of(name), number_of(name)) == (pool, number)


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
