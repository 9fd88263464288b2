"""Pools and packages come back from the store as they went in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from spillover.adapters.seal import Sealer
from spillover.adapters.sql_store import SqlStore
from spillover.domain.pool import PoolState, PoolStatus, PoolTarget
from spillover.domain.resources import Demand, Resources
from spillover.errors import SpilloverError
from spillover.ports import Event

EVENT = Event(1.0, "root", "pool:p", "text")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    opened = SqlStore.in_folder(tmp_path)
    yield opened
    opened.close()


def test_installation_keeps_its_name(store: SqlStore, tmp_path: Path) -> None:
    """The mark on what we start is the same for the life of the store."""
    other = SqlStore.in_folder(tmp_path)
    assert store.installation_id() == other.installation_id()
    assert len(store.installation_id()) == 16
    other.close()


def test_pool_state_comes_back_and_marks_are_the_operators(store: SqlStore) -> None:
    """The reconciler's write never touches what an operator has set, and the operator's never the rest."""
    state = PoolState(
        "p", PoolStatus.UP, PoolTarget.UP, "http://x", "s", "lease", 3, 99.0, 1.0, 2.0, 3.0, 4.0,
        session_since=5.0, failures=2, message="m",
    )  # fmt: skip
    store.save_pool(state, EVENT)
    assert store.pool_states() == {"p": state}
    store.mark_pool("p", "fenced_at", 50.0, EVENT)
    store.mark_pool("p", "fold_asked_at", 60.0, EVENT)
    store.save_pool(replace(state, message="later", fenced_at=None))
    assert store.pool_states()["p"] == replace(state, message="later", fenced_at=50.0, fold_asked_at=60.0)
    assert len(store.events("pool:p")) == 3


def test_events_newest_first(store: SqlStore) -> None:
    """History is read backwards, by subject or whole, at most so much."""
    for number in range(5):
        store.add_event(Event(float(number), "a", f"s{number % 2}", str(number)))
    assert [e.text for e in store.events(limit=3)] == ["4", "3", "2"]
    assert [e.text for e in store.events("s1")] == ["3", "1"]


def test_observed_demand_is_the_last_one(store: SqlStore) -> None:
    """What an entrypoint was last seen to use, by team."""
    assert store.observed_demand("t", "e") is None
    for amount in (1, 2):
        store.record_observed("t", "e", Demand(((amount, Resources({"CPU": 1})),)), 1.0)
    assert str(store.observed_demand("t", "e")) == "2x{CPU:1}"
    assert store.observed_demand("other", "e") is None


def test_packages_by_tenant(store: SqlStore) -> None:
    """Pins and idleness are per tenant and name."""
    store.add_package("alice", "gcs://a.zip", 3 * 2**31, 0.0)
    assert store.idle_packages(599.0) == []
    assert not store.pin_package("bob", "gcs://a.zip", 9999.0)
    assert store.idle_packages(601.0) == [("alice", "gcs://a.zip")]
    assert store.pin_package("alice", "gcs://a.zip", 9999.0)
    assert store.idle_packages(601.0) == []
    store.drop_package("alice", "gcs://a.zip")
    assert not store.pin_package("alice", "gcs://a.zip", 9999.0)


def test_sealer(tmp_path: Path) -> None:
    """One key a file, readable by its owner alone; what one key sealed no other opens."""
    sealer, other = Sealer.from_file(tmp_path / "a"), Sealer.from_file(tmp_path / "b")
    assert Sealer.from_file(tmp_path / "a").open(sealer.seal("gehäim")) == "gehäim"
    assert "secret" not in sealer.seal("secret")
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600
    with pytest.raises(SpilloverError, match="cannot be decrypted"):
        other.open(sealer.seal("x"))
