"""Hosts that are named one by one have a state, and a wish of an operator's."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Float, Integer, String, Text

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "hosts",
        Column("pool", String, primary_key=True),
        Column("host", String, primary_key=True),
        Column("kind", String, nullable=False),
        Column("status", String, nullable=False),
        Column("target", String, nullable=False),
        Column("since", Float, nullable=False),
        Column("node_id", String, nullable=False),
        Column("problem", Text, nullable=False),
        Column("failures", Integer, nullable=False),
        Column("retry_at", Float),
        Column("repair_asked_at", Float),
    )
