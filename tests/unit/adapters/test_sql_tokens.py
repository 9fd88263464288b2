"""Tokens come back from the store as they went in, and what was done to them is on record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from spillover.adapters.sql_store import SqlStore
from spillover.domain.access import Caller, Role, Token
from spillover.ports import Event

ALICE = Token("a1", "hash-a", Caller("alice", "search", Role.USER), 1.0, "root", 100.0)
BOB = Token("b1", "hash-b", Caller("bob", "*", Role.VIEWER), 2.0, "root")
REVOKED = Event(10.0, "root", "token:a1", "revoked")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    opened = SqlStore.in_folder(tmp_path)
    yield opened
    opened.close()


def test_a_token_comes_back_whole(store: SqlStore) -> None:
    """Each field survives, by hash and in the list, which is by age."""
    dead = replace(ALICE, token_id="a2", token_hash="hash-2", created_at=0.5, revoked_at=3.0, used_at=2.5)
    for token in (BOB, ALICE, dead):
        store.add_token(token)
    assert [store.token(hash_) for hash_ in ("hash-a", "hash-b", "hash-2", "hash")] == [ALICE, BOB, dead, None]
    assert store.tokens() == [dead, ALICE, BOB]


def test_one_of_the_same_hash_or_id_is_replaced(store: SqlStore) -> None:
    """Adding a token again changes what it allows; a new secret under an old id ends the old secret."""
    store.add_token(ALICE)
    as_admin = replace(ALICE, token_id="other", caller=Caller("alice", "search", Role.ADMIN))
    store.add_token(as_admin)
    assert store.tokens() == [as_admin]
    renewed = replace(as_admin, token_hash="hash-new")
    store.add_token(renewed)
    assert store.tokens() == [renewed]
    assert store.token("hash-a") is None


def test_adding_and_revoking_are_on_record(store: SqlStore) -> None:
    """The event is written with the change, and not at all where nothing changes."""
    store.add_token(ALICE, Event(1.0, "root", "token:a1", "made"))
    assert store.revoke_token("a1", 10.0, REVOKED)
    assert not store.revoke_token("a1", 20.0, REVOKED)
    assert not store.revoke_token("nobody", 20.0, REVOKED)
    assert [event.text for event in store.events("token:a1")] == ["revoked", "made"]
    assert store.token("hash-a") == replace(ALICE, revoked_at=10.0)


def test_an_expired_token_is_not_revoked(store: SqlStore) -> None:
    """From the second of its expiry on there is nothing to revoke."""
    store.add_token(ALICE)
    assert not store.revoke_token("a1", 100.0, REVOKED)
    assert store.revoke_token("a1", 99.9, REVOKED)


def test_a_failed_event_takes_the_change_back(store: SqlStore) -> None:
    """A token whose audit entry cannot be written is neither made nor revoked."""
    unwritable = Event(1.0, "root", "token:a1", None)  # type: ignore[arg-type]
    with pytest.raises(Exception, match="NOT NULL"):
        store.add_token(ALICE, unwritable)
    assert store.tokens() == []
    store.add_token(ALICE)
    with pytest.raises(Exception, match="NOT NULL"):
        store.revoke_token("a1", 10.0, unwritable)
    assert store.tokens() == [ALICE]


def test_use_is_noted(store: SqlStore) -> None:
    """The last use is the one that is kept."""
    store.add_token(ALICE)
    for at in (5.0, 65.0):
        store.note_token_used("a1", at)
    assert store.token("hash-a") == replace(ALICE, used_at=65.0)
