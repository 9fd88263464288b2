"""Ledger entries know their day, a node that comes back has a row for each stay, jobs are found by their end."""

from __future__ import annotations

from datetime import UTC, datetime

from alembic import op
from sqlalchemy import Boolean, Column, Connection, Float, MetaData, String, Table, func, insert, select, update

revision = "0003"
down_revision = "0002"

_DAY_S = 86_400

_nodes = Table(
    "nodes",
    MetaData(),
    Column("pool", String, primary_key=True),
    Column("node_id", String, primary_key=True),
    Column("node_type", String, nullable=False),
    Column("market", String, nullable=False),
    Column("price_usd_per_hour", Float, nullable=False),
    Column("is_head", Boolean, nullable=False),
    Column("ip", String, nullable=False),
    Column("since", Float, primary_key=True),
    Column("metered_until", Float, nullable=False),
    Column("gone_at", Float, index=True),
)
_ledger = Table("ledger", MetaData(), Column("day", String), Column("start", Float))


def upgrade() -> None:
    """Make the nodes' table anew, since its key changes; give every entry of the ledger its day."""
    db = op.get_bind()
    _remake_nodes(db)
    with op.batch_alter_table("ledger") as batch:
        batch.add_column(Column("day", String))
    _fill_days(db)
    with op.batch_alter_table("ledger") as batch:
        batch.alter_column("day", existing_type=String(), nullable=False)
        batch.create_index("ix_ledger_day", ["day"])
    op.create_index("jobs_by_end", "jobs", ["ended_at"])


def _remake_nodes(db: Connection) -> None:
    rows = [dict(row._mapping) for row in db.execute(select(_nodes))]  # noqa: SLF001  # SQLAlchemy's public name for it
    _nodes.drop(db)
    _nodes.create(db)
    if rows:
        db.execute(insert(_nodes), rows)


def _fill_days(db: Connection) -> None:
    """Day by day: no function for dates is the same in all databases. Old entries over midnight stay on their first."""
    first, last = db.execute(select(func.min(_ledger.c.start), func.max(_ledger.c.start))).one()
    for number in range(int(first // _DAY_S), int(last // _DAY_S) + 1) if first is not None else ():
        day = datetime.fromtimestamp(number * _DAY_S, UTC).date().isoformat()
        within = (_ledger.c.start >= number * _DAY_S) & (_ledger.c.start < (number + 1) * _DAY_S)
        db.execute(update(_ledger).where(within).values(day=day))
