"""Queue, pools and prices at one instant: all that placement ever sees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ..domain.job import Hints
from ..domain.pool import Node, Pool, PoolStatus, Usage
from ..domain.resources import Demand
from ..domain.terms import Terms
from .forecast import Forecast
from .interruptions import Rate


@dataclass(frozen=True)
class QueuedJob:
    """A job that waits. `runtime_s` is the mean of its run time, `runtime_source` says where that comes from.

    `moved`: it was stopped before, to go on elsewhere. `forecast` is its whole distribution; where there is none,
    `runtime_s` is taken to be sure.
    """

    submission_id: str
    user: str
    team: str
    priority: int
    submitted_at: float
    demand: Demand
    hints: Hints
    runtime_s: float
    runtime_source: str
    not_before: float = 0.0
    may_burst: bool = True
    moved: bool = False
    forecast: Forecast | None = field(default=None, repr=False, compare=False)

    @property
    def low_s(self) -> float:
        """1 in 10 runs for less."""
        return self.forecast.low_s if self.forecast else self.runtime_s

    @property
    def median_s(self) -> float:
        """Half run for less."""
        return self.forecast.median_s if self.forecast else self.runtime_s

    @property
    def high_s(self) -> float:
        """9 in 10 run for less."""
        return self.forecast.high_s if self.forecast else self.runtime_s


@dataclass(frozen=True)
class LiveWork:
    """A job's live attempt on a pool. `ends_at` is when it is expected to end, given that it has run for so long (the
    mean), and `forecast` the distribution of its run time. `demand` is what it is charged for.

    `node_type` is the type that the attempt was decided for: nodes that it still needs come out of that type's cap.
    `began_at` is when it began to run, None until then. `movable` is the job as it would queue again, if it may be
    stopped now to go on elsewhere from its checkpoint; None if it may not.
    """

    submission_id: str
    team: str
    demand: Demand
    ends_at: float
    node_type: str | None = None
    began_at: float | None = None
    movable: QueuedJob | None = None
    forecast: Forecast | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class PoolView:
    """A pool as seen now.

    `nodes` are its live nodes (heads too), `usage` what is held on them: `owner` is a submission id, or None for
    foreign use. `max_new_nodes` counts workers by node type that may still be added. `ready_at` is when a pool that
    is being raised is expected to answer. `blocked` says why nothing may be placed there now ("" if it may); `closed`
    are ids of nodes on which nothing new may begin, while what is there goes on. `lacking` are the node types for which
    the cloud has no capacity now: none of them can be added. `interruptions` are the rates at which nodes of a type
    were taken back, where enough of them have been seen; for the others what the settings say holds.
    """

    pool: Pool
    status: PoolStatus
    nodes: tuple[Node, ...] = ()
    usage: tuple[Usage, ...] = ()
    work: tuple[LiveWork, ...] = ()
    max_new_nodes: Mapping[str, int] = field(default_factory=dict, hash=False)
    ready_at: float | None = None
    blocked: str = ""
    closed: frozenset[str] = frozenset()
    lacking: frozenset[str] = frozenset()
    interruptions: Mapping[str, Rate] = field(default_factory=dict, hash=False)


class PastWait(NamedTuple):
    """How long a job waited: `wait_s` seconds until it was placed, then `start_s` until it ran.

    `usd` is its gang's on-demand price for its expected run time, by which policies weigh its patience; None if there
    was nothing to weigh: no owned pool may run it, or no rented one. `burst` says that it was rented for, `at` when it
    was placed (Unix seconds).
    """

    usd: float | None
    wait_s: float
    start_s: float = 0.0
    burst: bool = False
    at: float = 0.0


PAST_JOBS = 500
"""How many of the newest started jobs policies learn from, and how many of those that wait. Fewer make patience jumpy,
since a few large jobs hold most of the money; more make it slow to follow a change of load."""


@dataclass(frozen=True)
class Snapshot:
    """One instant, immutable. `at` is Unix seconds. `past` are the newest started jobs, for policies that learn.

    `terms` is what is assumed of jobs that do not say it themselves.
    """

    at: float
    jobs: tuple[QueuedJob, ...]
    pools: tuple[PoolView, ...]
    past: tuple[PastWait, ...] = ()
    terms: Terms = field(default_factory=Terms)
