"""The store on SQLAlchemy: everything that survives a restart, and the loss of every cluster."""

from __future__ import annotations

from pathlib import Path

from .seal import Sealer
from .sql_base import open_engine, sqlite_url
from .sql_events import SqlEvents
from .sql_history import SqlHistory
from .sql_hosts import SqlHosts
from .sql_jobs import SqlJobs
from .sql_money import SqlMoney
from .sql_serving import SqlServing
from .sql_shadow import SqlShadow
from .sql_tokens import SqlTokens


class SqlStore(SqlTokens, SqlJobs, SqlEvents, SqlHistory, SqlHosts, SqlShadow, SqlServing, SqlMoney):
    """ports.Store on a SQL database. Thread-safe; every method is one transaction."""

    @classmethod
    def in_folder(cls, folder: Path) -> SqlStore:
        """The embedded default: SQLite and its key in a folder that only the owner can read."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return cls(open_engine(sqlite_url(folder / "spillover.db")), Sealer.from_file(folder / "seal.key"))
