"""Alembic's migrations of the store: one file a schema in `versions/`, numbered, the newest one last."""
