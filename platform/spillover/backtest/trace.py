"""What goes into a replay and what comes out."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..domain.job import Hints
from ..domain.resources import Demand


@dataclass(frozen=True)
class TraceJob:
    """A job of the past, or an invented one. `runtime_s` is how long it really runs; decisions do not see it.

    What decisions expect of its run time comes from `hints.runtime_s` and from like jobs that ended earlier in the
    trace.
    """

    submission_id: str
    user: str
    team: str
    submitted_at: float
    runtime_s: float
    demand: Demand
    hints: Hints = field(default_factory=Hints)
    priority: int = 0
    may_burst: bool = True
    entrypoint: str = ""

    def __post_init__(self) -> None:
        """Raises ValueError for a run time below zero."""
        if self.runtime_s < 0:
            raise ValueError(f"job '{self.submission_id}' has a run time of {self.runtime_s} s")


@dataclass(frozen=True)
class JobRun:
    """How one job went. Times are Unix seconds.

    `placed_at` is when its place was decided, None if that is not known. `cost_usd` is the job's share of its nodes
    while it ran: their idle time and start-up are in the totals alone.
    """

    submission_id: str
    team: str
    pool: str
    node_type: str
    market: str
    burst: bool
    submitted_at: float
    started_at: float
    ended_at: float
    cost_usd: float
    placed_at: float | None = None

    @property
    def wait_s(self) -> float:
        """Seconds from submit to start, node start-up included."""
        return self.started_at - self.submitted_at

    @property
    def jct_s(self) -> float:
        """Job completion time: seconds from submit to end."""
        return self.ended_at - self.submitted_at


@dataclass(frozen=True)
class Replay:
    """How a whole trace went under one policy. `unplaced` are jobs that never started."""

    policy: str
    runs: tuple[JobRun, ...]
    baseline_usd: float
    cloud_usd: float
    decisions: int
    unplaced: tuple[str, ...] = ()

    @property
    def total_usd(self) -> float:
        """Owned and rented together."""
        return self.baseline_usd + self.cloud_usd

    @property
    def makespan_s(self) -> float:
        """Seconds from the first submit to the last end."""
        return makespan_s(self.runs)


def makespan_s(runs: tuple[JobRun, ...]) -> float:
    """Seconds from the first submit to the last end; 0 without runs."""
    if not runs:
        return 0.0
    return max(r.ended_at for r in runs) - min(r.submitted_at for r in runs)
