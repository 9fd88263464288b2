"""`spillover queue`: what waits and runs."""

from __future__ import annotations

from .api import get
from .options import Address, AsJson, Limit
from .output import failures, show


def queue(limit: Limit = 100, address: Address = None, as_json: AsJson = False) -> None:
    """Show the jobs that have not ended, in the order in which they will run, and why they wait."""
    with failures():
        body = get(address, "queue", limit=str(limit))
        from .tables import queue_table

        show(body, as_json, queue_table, limit)
