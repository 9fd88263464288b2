"""Runs the migrations on a connection."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from ...errors import SpilloverError


def run(db: Connection, found: str) -> None:
    """Move a database of the schema `found` on to the newest one. Raises SpilloverError if there is none from it."""
    config = migrations(db)
    known = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    if found not in known:
        raise SpilloverError(
            f"the database {db.engine.url} has the schema {found}, and this version of Spillover knows those up to "
            f"{known[0]}: it was last used by a newer version. Start that one, or go back to a copy of the database."
        )
    command.upgrade(config, "head")


def migrations(db: Connection) -> Config:
    """What Alembic's commands need to work on a connection."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = db
    return config
