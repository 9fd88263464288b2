"""The connection to the store: SQLite by default, in write-ahead mode, synced on every commit."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, insert, select
from sqlalchemy.exc import IntegrityError

from .seal import Sealer
from .sql_schema import bring_up_to_date
from .sql_tables import meta


def open_engine(url: str) -> Engine:
    """An engine for the database URL, with the newest schema. Raises SpilloverError if the database has a newer one."""
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_immediate)
    bring_up_to_date(engine)
    return engine


def sqlite_url(path: Path) -> str:
    """The URL of a database file."""
    return f"sqlite:///{path}"


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # SQLAlchemy starts transactions itself (below): the driver's own late BEGIN would upgrade read locks and fail
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("write") else "BEGIN")


class SqlBase:
    """What every part of the store shares."""

    def __init__(self, engine: Engine, sealer: Sealer) -> None:
        self._engine = engine
        self._sealer = sealer

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        with self._engine.connect().execution_options(write=True) as connection, connection.begin():
            yield connection

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        with self._engine.connect() as connection, connection.begin():
            yield connection

    def installation_id(self) -> str:
        """A random name that this store keeps for life: it marks what we started on shared clusters."""
        with self._write() as db:
            row = db.execute(select(meta.c.value).where(meta.c.name == "installation")).scalar()
            if row is None:
                row = secrets.token_hex(8)
                db.execute(insert(meta).values(name="installation", value=row))
            return str(row)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


__all__ = ["IntegrityError", "SqlBase", "open_engine", "sqlite_url"]
