"""The schema of a database: made in one go where there is none, else moved on by Alembic to what this version needs.

Whoever changes `sql_tables` adds a migration, `migrations/versions/NNNN_what.py`: a test compares the two.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Column, Connection, Engine, MetaData, String, Table, insert, inspect, select

from .sql_tables import metadata

FIRST = "0001"  # what a database has that was made before there were migrations
NEWEST = max(file.name[: len(FIRST)] for file in Path(__file__).parent.glob("migrations/versions/[0-9]*.py"))

# As Alembic makes it. Read without Alembic, whose import would take longer than the whole opening of the store.
_version = Table("alembic_version", MetaData(), Column("version_num", String(32), primary_key=True))


def bring_up_to_date(engine: Engine) -> None:
    """Give the database the newest schema, all or nothing. Raises SpilloverError if it has a still newer one."""
    with engine.connect() as db:
        if schema_of(db) == NEWEST:
            return
    with engine.connect().execution_options(write=True) as db, db.begin():
        found = schema_of(db)  # again: another process may have been first
        if found is None:
            metadata.create_all(db)
            _stamp(db, NEWEST)
        elif found != NEWEST:
            _migrate(db, found)


def schema_of(db: Connection) -> str | None:
    """The number of the schema that the database has; None if it has no tables of ours."""
    there = set(inspect(db).get_table_names())
    if _version.name in there:
        return str(db.execute(select(_version.c.version_num)).scalar_one())
    return FIRST if there & set(metadata.tables) else None


def _stamp(db: Connection, number: str) -> None:
    _version.create(db)
    db.execute(insert(_version).values(version_num=number))


def _migrate(db: Connection, found: str) -> None:
    if not inspect(db).has_table(str(_version.name)):
        _stamp(db, found)
    from .migrations.run import run  # noqa: PLC0415  # Alembic is imported where it is needed: hardly ever

    run(db, found)
