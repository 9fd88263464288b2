"""Queue, pools and prices at one instant: all that placement ever sees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ..domain.job import Hints
from ..domain.pool import Node, Pool, PoolStatus, Usage
from ..domain.resources import Demand


@dataclass(frozen=True)
class QueuedJob:
    """A job that waits. `runtime_s` is the expected run time, `runtime_source` says where that comes from."""

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


@dataclass(frozen=True)
class LiveWork:
    """A job's live attempt on a pool. `ends_at` is when it is expected to end, `demand` what it is charged for.

    `node_type` is the type that the attempt was decided for: nodes that it still needs come out of that type's cap.
    """

    submission_id: str
    team: str
    demand: Demand
    ends_at: float
    node_type: str | None = None


@dataclass(frozen=True)
class PoolView:
    """A pool as seen now.

    `nodes` are its live nodes (heads too), `usage` what is held on them: `owner` is a submission id, or None for
    foreign use. `max_new_nodes` counts workers by node type that may still be added. `ready_at` is when a pool that
    is being raised is expected to answer. `blocked` says why nothing may be placed there now ("" if it may); `closed`
    are ids of nodes on which nothing new may begin, while what is there goes on. `lacking` are the node types for which
    the cloud has no capacity now: none of them can be added.
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


class PastWait(NamedTuple):
    """How long a job waited: `wait_s` seconds until it was placed, then `start_s` until it ran.

    `usd` is its gang's on-demand price for its expected run time, by which policies weigh its patience; None if there
    was nothing to weigh: no owned pool may run it, or no rented one. `burst` says that it was rented for.
    """

    usd: float | None
    wait_s: float
    start_s: float = 0.0
    burst: bool = False


PAST_JOBS = 500
"""How many of the newest started jobs policies learn from, and how many of those that wait. Fewer make patience jumpy,
since a few large jobs hold most of the money; more make it slow to follow a change of load."""


@dataclass(frozen=True)
class Snapshot:
    """One instant, immutable. `at` is Unix seconds. `past` are the newest started jobs, for policies that learn."""

    at: float
    jobs: tuple[QueuedJob, ...]
    pools: tuple[PoolView, ...]
    past: tuple[PastWait, ...] = ()
