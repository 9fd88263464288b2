"""Databases of all versions end up with the schema that this version's code expects, or are left as they are."""

from __future__ import annotations

import hashlib
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, create_mock_engine, inspect

from spillover.adapters.migrations.run import migrations
from spillover.adapters.sql_base import open_engine, sqlite_url
from spillover.adapters.sql_schema import NEWEST
from spillover.adapters.sql_store import SqlStore
from spillover.adapters.sql_tables import metadata
from spillover.domain.access import Caller, Role
from spillover.domain.job import JobStatus
from spillover.errors import SpilloverError

FIRST_VERSION = (Path(__file__).parent / "first_version.sql").read_text()


@pytest.fixture
def first(tmp_path: Path) -> Path:
    """The folder of a first version, with its database."""
    with closing(sqlite3.connect(tmp_path / "spillover.db")) as db:
        db.executescript(FIRST_VERSION)
    return tmp_path


@contextmanager
def opened(url: str) -> Iterator[Engine]:
    engine = open_engine(url)
    yield engine
    engine.dispose()


def shape(engine: Engine) -> dict[str, Any]:
    """Everything that the database says about its tables, whatever the order of their columns."""
    seen = inspect(engine)
    return {
        table: {
            "columns": sorted(
                (c["name"], repr(c["type"]), c["nullable"], c["default"]) for c in seen.get_columns(table)
            ),
            "key": seen.get_pk_constraint(table)["constrained_columns"],
            "unique": seen.get_unique_constraints(table),
            "indexes": sorted(seen.get_indexes(table), key=lambda index: str(index["name"])),
        }
        for table in seen.get_table_names()
        if table != "alembic_version"
    }


def differences(engine: Engine) -> list[Any]:
    with engine.connect() as db:
        return compare_metadata(MigrationContext.configure(db, opts={"compare_server_default": True}), metadata)


def dump(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / "spillover.db")) as db:
        return list(db.iterdump())


def test_migrations_lead_to_the_tables_of_the_code(tmp_path: Path) -> None:
    """All migrations from nothing on, the upgrade of a first version and a new database are alike, and what the code
    expects. Whoever changes a table without a migration is told here."""
    migrated = create_engine(sqlite_url(tmp_path / "migrated.db"))
    with migrated.begin() as db:
        command.upgrade(migrations(db), "head")
    with closing(sqlite3.connect(tmp_path / "upgraded.db")) as db:
        db.executescript(FIRST_VERSION)
    with opened(sqlite_url(tmp_path / "new.db")) as new, opened(sqlite_url(tmp_path / "upgraded.db")) as upgraded:
        assert differences(migrated) == differences(upgraded) == differences(new) == []
        assert shape(migrated) == shape(upgraded) == shape(new)
        assert set(shape(new)) == set(metadata.tables)
    migrated.dispose()


def test_there_is_one_newest_schema(tmp_path: Path) -> None:
    """The newest file is where Alembic's one chain of migrations ends."""
    with opened(sqlite_url(tmp_path / "x.db")) as engine, engine.connect() as db:
        assert ScriptDirectory.from_config(migrations(db)).get_heads() == [NEWEST]


def test_a_first_version_is_brought_up_with_its_data(first: Path) -> None:
    """Jobs, attempts, decisions, history, pools, packages, money and the installation's name are what they were."""
    store = SqlStore.in_folder(first)
    job = store.job("j1")
    assert job is not None
    assert (job.user, job.status, job.hints.runtime_s, str(job.demand)) == (
        "alice",
        JobStatus.RUNNING,
        7200.0,
        "2x{CPU:1}",
    )
    assert [a.pool for a in store.live_attempts()] == ["onprem"]
    assert [d.sentence for d in store.decisions("j1")] == ["Runs on onprem now."]
    assert [e.text for e in store.events("j1")] == ["placed", "submitted, needs 1x{CPU:1} (declared)"]
    assert store.pool_states()["onprem"].lease_id == "l1"
    assert store.pin_package("alice", "gcs://_ray_pkg_1.zip", 0.0)
    assert [node.node_id for node in store.open_nodes()] == ["n1"]
    assert store.spend(["job", "day"]) == [{"job": "j1", "day": "2026-09-21", "nano_usd": 5_444_444, "node_s": 98.0}]
    assert str(store.observed_demand("search", "python a.py")) == "2x{CPU:1}"
    assert store.installation_id() == "391a6a9a65429c94"
    store.close()


def test_tokens_of_a_first_version_still_let_in(first: Path) -> None:
    """The administrator's token that lies in the state folder is the first one; nobody loses access, nothing expires."""
    store = SqlStore.in_folder(first)
    found = {
        name: store.token(hashlib.sha256(name.encode()).hexdigest())
        for name in ("in the state folder", "alice's", "lost")
    }
    assert [t and (t.token_id, t.created_by, t.caller) for t in found.values()] == [
        ("first", "spillover up", Caller("admin", "default", Role.ADMIN)),
        ("339f694a", "spillover", Caller("alice", "search", Role.USER)),
        ("76f75e61", "spillover", Caller("admin", "default", Role.ADMIN)),
    ]
    assert [t.why_dead(9e9) for t in store.tokens()] == ["", "", ""]
    store.close()


def test_an_upgrade_that_fails_changes_nothing(first: Path) -> None:
    """A migration that breaks off leaves the database as it was, for the old version to go on with."""
    with closing(sqlite3.connect(first / "spillover.db")) as db:
        db.execute("CREATE TABLE tokens_by_hash (in_the_way INTEGER)")
    before = dump(first)
    with pytest.raises(Exception, match="tokens_by_hash"):
        SqlStore.in_folder(first)
    assert dump(first) == before


def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    """What a newer version has written is not touched; the message names the database, both schemas and the remedy."""
    SqlStore.in_folder(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "spillover.db")) as db, db:
        db.execute("UPDATE alembic_version SET version_num = '9999'")
    before = dump(tmp_path)
    with pytest.raises(
        SpilloverError, match=rf"{tmp_path}/spillover.db has the schema 9999, .* up to {NEWEST}: .* newer version"
    ):
        SqlStore.in_folder(tmp_path)
    assert dump(tmp_path) == before


def test_opening_does_not_wait_for_alembic(tmp_path: Path) -> None:
    """Neither a new database nor one that is up to date has Alembic imported, which takes longer than all else."""
    code = (
        "import sys; from pathlib import Path; from spillover.adapters.sql_store import SqlStore\n"
        "for _ in range(2): SqlStore.in_folder(Path(sys.argv[1])).close()\n"
        "print('alembic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_two_that_open_at_once_make_one_schema(tmp_path: Path) -> None:
    """A second process that opens a new database while the first makes its tables waits, and finds them."""
    code = "import sys; from spillover.adapters.sql_base import open_engine; open_engine(sys.argv[1])"
    command_line = [sys.executable, "-c", code, sqlite_url(tmp_path / "spillover.db")]
    racers = [subprocess.Popen(command_line, stderr=subprocess.PIPE) for _ in range(3)]
    assert [racer.communicate()[1] for racer in racers] == [b"", b"", b""]


def test_tables_are_valid_for_postgresql() -> None:
    """Each table and index can be written in PostgreSQL's words."""
    written: list[str] = []
    engine = create_mock_engine(
        "postgresql+psycopg://", lambda ddl, *_, **__: written.append(str(ddl.compile(dialect=engine.dialect)))
    )
    metadata.create_all(engine, checkfirst=False)
    assert sum("CREATE TABLE" in text for text in written) == len(metadata.tables)
