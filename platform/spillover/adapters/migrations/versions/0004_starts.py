"""Jobs are found by their start."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the index."""
    op.create_index("jobs_by_start", "jobs", ["started_at"])
