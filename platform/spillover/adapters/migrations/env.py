"""What Alembic runs around the migrations: on the connection, and in the transaction, of whoever asks for them."""

from __future__ import annotations

from alembic import context

from spillover.adapters.sql_tables import metadata

# Batch mode: SQLite cannot change a column in place, so that Alembic makes the table anew and copies its rows.
context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
