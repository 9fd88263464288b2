"""Jobs of the past: what ran, where, how long, and what it cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .job import Hints
from .resources import Demand


@dataclass(frozen=True)
class PastJob:
    """A job that ran and has ended, as its newest attempt went. Times are Unix seconds.

    `placed_at` is when that attempt was decided, None if that is not known. `nano_usd` is what the ledger has
    booked on it on that attempt's pool.
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
    placed_at: float | None = None
    entrypoint: str = ""


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
class PastRun:
    """A job that ran and has ended: what others are alike in, and how long it took. Times are Unix seconds.

    `run_s` is the time in which it ran, in all its attempts. `by_itself`: its entrypoint ended, well or not; else it
    was stopped or lost, and would have run for longer.
    """

    submission_id: str
    user: str
    team: str
    entrypoint: str
    runtime_env: Mapping[str, Any]
    demand: Demand
    hints: Hints
    submitted_at: float
    ended_at: float
    run_s: float
    by_itself: bool


@dataclass(frozen=True)
class PastJobs:
    """Jobs of a window, in the order of their ends. `left_out` counts its other ones.

    These never ran, have not ended by the end of the window, or are older than as many as were asked for.
    """

    jobs: tuple[PastJob, ...]
    left_out: int = 0


@dataclass(frozen=True)
class SpotPast:
    """What became of the spot nodes of one type: how long they lived in all, and how many the market took back."""

    pool: str
    node_type: str
    lived_s: float
    reclaimed: int
