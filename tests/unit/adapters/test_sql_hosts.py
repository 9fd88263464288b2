"""Hosts come back from the store as they went in, and operators' wishes are theirs alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from spillover.adapters.sql_store import SqlStore
from spillover.domain.host import HostState, HostStatus, HostTarget
from spillover.ports import Event

UP = HostState("p", "h1", "worker", HostStatus.UP, HostTarget.UP, 5.0, "ab", "clock", 2, 9.0, 1.0)
ASKED = Event(10.0, "opal", "pool:p", "host h1: drain asked for")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    opened = SqlStore.in_folder(tmp_path)
    yield opened
    opened.close()


def test_a_host_comes_back_whole(store: SqlStore) -> None:
    """Each field survives; hosts are listed by pool and name."""
    other = replace(UP, pool="a", host="h2", kind="head")
    store.save_host(UP)
    store.save_host(other)
    assert store.hosts() == [other, UP]
    assert store.hosts("p") == [UP]


def test_the_reconciler_does_not_undo_a_wish(store: SqlStore) -> None:
    """A save with an old target leaves what an operator has asked meanwhile, and the wish leaves all else."""
    store.save_host(UP)
    store.ask_of_host("p", "h1", ASKED, HostTarget.DRAINED)
    store.save_host(replace(UP, problem="new"))
    assert store.hosts("p") == [replace(UP, problem="new", target=HostTarget.DRAINED)]
    store.ask_of_host("p", "h1", ASKED, HostTarget.UP, 77.0)
    assert store.hosts("p") == [replace(UP, problem="new", repair_asked_at=77.0)]
    assert [event.text for event in store.events("pool:p")] == [ASKED.text] * 2


def test_a_wish_for_a_host_that_was_never_seen_is_kept(store: SqlStore) -> None:
    """An operator may drain a host before anything is known of it."""
    store.ask_of_host("p", "h9", ASKED, HostTarget.DRAINED)
    assert store.hosts() == [HostState("p", "h9", target=HostTarget.DRAINED)]
