"""Tokens, pools, packages and money come back from the store as they went in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from spillover.adapters.seal import Sealer
from spillover.adapters.sql_store import SqlStore
from spillover.domain.money import EntryKind, LedgerEntry, PaidNode
from spillover.domain.pool import PoolState, PoolStatus, PoolTarget
from spillover.domain.resources import Demand, Resources
from spillover.errors import SpilloverError
from spillover.ports import Caller, Event

EVENT = Event(1.0, "root", "pool:p", "text")
NODE = PaidNode("p", "n1", "worker", "spot", 1.25, is_head=False, ip="10.0.0.1", since=5.0, metered_until=5.0)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    opened = SqlStore.in_folder(tmp_path)
    yield opened
    opened.close()


def test_tokens(store: SqlStore) -> None:
    """A token names its holder; adding it again replaces what it allows."""
    assert store.caller_of("h") is None
    store.add_token("h", Caller("alice", "search", "user"), 1.0)
    store.add_token("h", Caller("alice", "search", "admin"), 2.0)
    assert store.caller_of("h") == Caller("alice", "search", "admin")


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


def test_meters_and_entries_move_together(store: SqlStore) -> None:
    """A node's meter and its entries are written in one go; a node that is gone is not open any more."""
    entry = LedgerEntry("p", "n1", "worker", "spot", 5.0, 6.0, EntryKind.JOB, 10**15, 1.0, "j1", "search", "alice")
    idle = replace(entry, kind=EntryKind.IDLE, nano_usd=7, node_s=0.5, submission_id=None, team=None, user=None)
    store.record_spend([NODE], [])
    assert store.open_nodes() == [NODE]
    store.record_spend([replace(NODE, metered_until=6.0)], [entry, idle])
    assert store.open_nodes() == [replace(NODE, metered_until=6.0)]
    assert store.spend(["kind", "job"]) == [
        {"kind": "idle", "job": None, "nano_usd": 7, "node_s": 0.5},
        {"kind": "job", "job": "j1", "nano_usd": 10**15, "node_s": 1.0},
    ]
    assert store.spend(["day"])[0]["day"] == "1970-01-01"
    assert store.spend([])[0]["nano_usd"] == 10**15 + 7
    store.record_spend([replace(NODE, metered_until=6.0, gone_at=6.0)], [])
    assert store.open_nodes() == []


def test_sealer(tmp_path: Path) -> None:
    """One key a file, readable by its owner alone; what one key sealed no other opens."""
    sealer, other = Sealer.from_file(tmp_path / "a"), Sealer.from_file(tmp_path / "b")
    assert Sealer.from_file(tmp_path / "a").open(sealer.seal("gehäim")) == "gehäim"
    assert "secret" not in sealer.seal("secret")
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600
    with pytest.raises(SpilloverError, match="cannot be decrypted"):
        other.open(sealer.seal("x"))
