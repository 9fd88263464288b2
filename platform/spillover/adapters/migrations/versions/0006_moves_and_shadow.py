"""Jobs are moved between pools, and a second policy says what it would have done."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Boolean, Column, Float, String, Text

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the columns and the table."""
    op.add_column("jobs", Column("move_to", String))
    op.add_column("jobs", Column("moved_at", Float))
    op.create_table(
        "shadow",
        Column("submission_id", String, primary_key=True),
        Column("team", String, nullable=False),
        Column("at", Float, nullable=False, index=True),
        Column("day", String, nullable=False),
        Column("kind", String, nullable=False),
        Column("pool", String, nullable=False),
        Column("usd", Float, nullable=False),
        Column("wait_s", Float),
        Column("starts_at", Float),
        Column("settled", Boolean, nullable=False),
        Column("sentence", Text, nullable=False),
    )
