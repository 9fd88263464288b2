"""Jobs of the past: what ran, where, how long, and what it cost."""

from __future__ import annotations

from dataclasses import dataclass

from .job import Hints
from .resources import Demand


@dataclass(frozen=True)
class PastJob:
    """A job that ran and has ended, as its newest attempt went. Times are Unix seconds.

    `nano_usd` is what the ledger has booked on it on that attempt's pool.
    """

    submission_id: str
    user: str
    team: str
    priority: int
    demand: Demand
    hints: Hints
    submitted_at: float
    started_at: float
    ended_at: float
    pool: str
    node_type: str
    market: str
    nano_usd: int


@dataclass(frozen=True)
class StartedJob:
    """A job that has started, whether it has ended or not, placed by the attempt that did. Times are Unix seconds."""

    submission_id: str
    user: str
    team: str
    priority: int
    entrypoint: str
    demand: Demand
    hints: Hints
    submitted_at: float
    placed_at: float
    started_at: float
    pool: str


@dataclass(frozen=True)
class PastJobs:
    """Jobs of a window, in the order of their ends. `left_out` counts its other ones.

    These never ran, have not ended by the end of the window, or are older than as many as were asked for.
    """

    jobs: tuple[PastJob, ...]
    left_out: int = 0
