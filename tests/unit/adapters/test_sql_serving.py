"""Applications, keys and what requests came to come back from the store as they went in."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from spillover.adapters.sql_store import SqlStore
from spillover.domain.job import JobTarget
from spillover.domain.serving import ApiKey, Application, Replicas, ServeTerms, Usage
from spillover.ports import Event, EventFilter

URI = "gcs://_ray_pkg_0123456789abcdef.zip"
CONFIG = {
    "name": "chat",
    "import_path": "serve_lm.app:app",
    "runtime_env": {"working_dir": URI, "env_vars": {"PASSWORD": "open sesame"}},
    "deployments": [{"name": "Model", "ray_actor_options": {"runtime_env": {"env_vars": {"PIN": "1 2 3 4"}}}}],
}
TERMS = ServeTerms(Replicas(1, 2), Replicas(0, 3), 0.5, 8, retry_safe=True, pools=("onprem", "aws"), demand="2x{CPU:1}")
CHAT = Application("chat", "alice", "search", "/chat", CONFIG, TERMS, 5.0)
KEY = ApiKey("k1", "hash-1", "acme", 1.0, "root", 60, 1000, ("eu",), ("chat",), 100.0)
USAGE = Usage("2026-10-01", "chat", "k1", "acme", "onprem", 3, 1, 10, 20, 1.5)
REVOKED = Event(10.0, "root", "key:k1", "revoked")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    opened = SqlStore.in_folder(tmp_path)
    yield opened
    opened.close()


def test_an_application_comes_back_whole(store: SqlStore) -> None:
    """Each field survives, terms and all; the list is by name."""
    stopped = replace(CHAT, name="a", terms=ServeTerms(), generation=4, target=JobTarget.STOP)
    store.save_applications([CHAT, stopped])
    assert [(a, a.config) for a in store.applications()] == [(stopped, CONFIG), (CHAT, CONFIG)]


def test_the_next_deploy_replaces_the_last_one(store: SqlStore) -> None:
    """There is one application of a name, as it was saved last; what is saved is on record."""
    store.save_applications([CHAT], [Event(1.0, "alice", "serve:chat", "deployed")])
    again = replace(CHAT, generation=2, route_prefix="/talk", config={"import_path": "other:app"})
    store.save_applications([again], [Event(2.0, "alice", "serve:chat", "deployed again")])
    assert [(a, a.config) for a in store.applications()] == [(again, {"import_path": "other:app"})]
    assert [e.text for e in store.events("serve:chat")] == ["deployed again", "deployed"]


def test_an_application_is_forgotten_once(store: SqlStore) -> None:
    """Only what was there is deleted, and put on record."""
    store.save_applications([CHAT])
    for _ in range(2):
        store.delete_application("chat", Event(3.0, "spillover", "serve:chat", "gone"))
    assert store.applications() == []
    assert [e.text for e in store.events("serve:chat")] == ["gone"]


def test_secrets_of_applications_are_unreadable_on_disk(store: SqlStore, tmp_path: Path) -> None:
    """No value of env_vars, of the application or of a deployment, is in the database in clear."""
    store.save_applications([CHAT])
    with closing(sqlite3.connect(tmp_path / "spillover.db")) as db:
        everything = "\n".join(db.iterdump())
    assert "chat" in everything
    assert "open sesame" not in everything
    assert "1 2 3 4" not in everything


def test_packages_of_applications_are_not_idle(store: SqlStore) -> None:
    """A package is kept while an application of its owner refers to it, even one that is being taken down."""
    store.add_package("alice", URI, 1, 0.0)
    store.add_package("bob", URI, 1, 0.0)
    store.save_applications([replace(CHAT, target=JobTarget.STOP)])
    assert store.idle_packages(1e6) == [("bob", URI)]
    store.delete_application("chat", Event(3.0, "spillover", "serve:chat", "gone"))
    assert sorted(store.idle_packages(1e6)) == [("alice", URI), ("bob", URI)]


def test_history_of_applications_is_shown_to_their_team(store: SqlStore) -> None:
    """Its team and its user see what became of an application, others do not."""
    store.save_applications([CHAT], [Event(1.0, "alice", "serve:chat", "deployed")])

    def seen(team: str, user: str) -> list[str]:
        return [event.text for _, event in store.find_events(EventFilter(team=team, user=user))]

    assert (seen("search", "vic"), seen("ads", "alice"), seen("ads", "bob")) == (["deployed"], ["deployed"], [])


def test_a_key_comes_back_whole(store: SqlStore) -> None:
    """Each field survives; the list is by age, dead ones too."""
    bare = ApiKey("k0", "hash-0", "acme", 0.5, "root", revoked_at=3.0)
    for key in (KEY, bare):
        store.add_api_key(key, Event(1.0, "root", f"key:{key.key_id}", "made"))
    assert store.api_keys() == [bare, KEY]
    assert [e.text for e in store.events("key:k1")] == ["made"]


@pytest.mark.parametrize(("at", "key_id", "revoked"), [(10.0, "k1", True), (100.0, "k1", False), (10.0, "x", False)])
def test_only_living_keys_are_revoked(store: SqlStore, at: float, key_id: str, *, revoked: bool) -> None:
    """One that has expired or is unknown is left as it is, and nothing is on record."""
    store.add_api_key(KEY, Event(1.0, "root", "key:k1", "made"))
    assert store.revoke_api_key(key_id, at, REVOKED) is revoked
    assert store.api_keys() == [replace(KEY, revoked_at=at if revoked else None)]
    assert ("revoked" in [e.text for e in store.events("key:k1")]) is revoked
    assert store.revoke_api_key(key_id, at, REVOKED) is False


def test_usage_adds_up(store: SqlStore) -> None:
    """Requests of one day, application, key, tenant and pool are summed, all others kept apart."""
    elsewhere = replace(USAGE, pool="cloud")
    store.add_usage([USAGE, elsewhere, USAGE], "m1")
    store.add_usage([USAGE], "m2")
    thrice = replace(USAGE, requests=9, errors=3, tokens_in=30, tokens_out=60, busy_s=4.5)
    assert store.usage() == [elsewhere, thrice]


def test_usage_and_its_mark_are_one(store: SqlStore) -> None:
    """A booking that fails moves the mark no further: what it was about is read and booked again."""
    assert store.usage_mark() == ""
    store.add_usage([USAGE], "m1")
    broken = replace(USAGE, key_id=["no key"])  # type: ignore[arg-type]
    with pytest.raises(Exception, match="not supported"):
        store.add_usage([USAGE, broken], "m2")
    assert store.usage_mark() == "m1"
    assert store.usage() == [USAGE]
    store.add_usage([], "m2")
    assert store.usage_mark() == "m2"


def test_usage_is_found_by_day_and_tenant(store: SqlStore) -> None:
    """`since` is the first day, `until` the day after the last one."""
    days = [
        replace(USAGE, day=f"2026-10-0{n}", tenant=t) for n, t in ((1, "acme"), (2, "acme"), (2, "zoo"), (3, "acme"))
    ]
    store.add_usage(days, "m")
    assert store.usage(date(2026, 10, 2), date(2026, 10, 3)) == days[1:3]
    assert store.usage(date(2026, 10, 2), tenant="acme") == [days[1], days[3]]
