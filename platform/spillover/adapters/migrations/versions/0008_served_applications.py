"""Applications are served: what was deployed, whose keys let requests in, and what those came to."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Float, Integer, String, Text

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "applications",
        Column("name", String, primary_key=True),
        Column("user", String, nullable=False),
        Column("team", String, nullable=False),
        Column("route_prefix", String, nullable=False),
        Column("config", Text, nullable=False),
        Column("packages", Text, nullable=False),
        Column("terms", Text, nullable=False),
        Column("deployed_at", Float, nullable=False),
        Column("generation", Integer, nullable=False),
        Column("target", String, nullable=False),
    )
    op.create_table(
        "api_keys",
        Column("key_id", String, primary_key=True),
        Column("key_hash", String, nullable=False),
        Column("tenant", String, nullable=False),
        Column("created_at", Float, nullable=False),
        Column("created_by", String, nullable=False),
        Column("requests_per_minute", Integer),
        Column("tokens_per_minute", Integer),
        Column("regions", Text, nullable=False),
        Column("applications", Text, nullable=False),
        Column("expires_at", Float),
        Column("revoked_at", Float),
    )
    op.create_index("api_keys_by_hash", "api_keys", ["key_hash"], unique=True)
    op.create_table(
        "served",
        Column("day", String, primary_key=True),
        Column("application", String, primary_key=True),
        Column("key_id", String, primary_key=True),
        Column("tenant", String, primary_key=True),
        Column("pool", String, primary_key=True),
        Column("requests", BigInteger, nullable=False),
        Column("errors", BigInteger, nullable=False),
        Column("tokens_in", BigInteger, nullable=False),
        Column("tokens_out", BigInteger, nullable=False),
        Column("busy_s", Float, nullable=False),
    )
