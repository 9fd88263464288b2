"""Tokens have an id, whoever made them, and an end: by expiry or by being revoked."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Float, Index, MetaData, Row, String, Table, desc, insert, select

revision = "0002"
down_revision = "0001"

_old = Table("tokens", MetaData(), *(Column(name) for name in ("hash", "user", "team", "role", "created_at")))
_new = Table(
    "tokens",
    MetaData(),
    Column("id", String, primary_key=True),
    Column("hash", String, nullable=False),
    Column("user", String, nullable=False),
    Column("team", String, nullable=False),
    Column("role", String, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("created_by", String, nullable=False),
    Column("expires_at", Float),
    Column("revoked_at", Float),
    Column("used_at", Float),
    Index("tokens_by_hash", "hash", unique=True),
)


def upgrade() -> None:
    """Make the table anew, since its key changes. Rows are few: one a person."""
    db = op.get_bind()
    rows = db.execute(select(_old).order_by(desc("created_at"))).all()
    _old.drop(db)
    _new.create(db)
    firsts = [row.hash for row in rows if row.user == "admin" and row.role == "admin"][:1]
    if rows:
        db.execute(insert(_new), [_row(row, is_first=row.hash in firsts) for row in rows])


def _row(row: Row[tuple[object, ...]], *, is_first: bool) -> dict[str, object]:
    """Until now every start let the administrator's token in anew: the newest one is what lies in the state folder."""
    who = {"id": "first", "created_by": "spillover up"} if is_first else {"id": row.hash[:8], "created_by": "spillover"}
    return {**row._mapping, **who}  # noqa: SLF001  # SQLAlchemy's public name for it
