"""When the spot market took a node back."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Float

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the column."""
    op.add_column("nodes", Column("reclaimed_at", Float))
