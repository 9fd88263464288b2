"""Jobs and their attempts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from .data import Data
from .resources import Demand


class JobStatus(StrEnum):
    """Where a job is.

    QUEUED waits for a pool; STARTING has an attempt that does not run yet; UNREACHABLE has an attempt on a pool
    that does not answer. The last three are final.
    """

    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    UNREACHABLE = "unreachable"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"

    @property
    def final(self) -> bool:
        """Whether the job has ended for good."""
        return self in _FINAL


_FINAL = frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.STOPPED})


class JobTarget(StrEnum):
    """Where a job should be. Handlers set it, the reconciler moves the status towards it."""

    RUN = "run"
    STOP = "stop"


@dataclass(frozen=True)
class SubmitRequest:
    """What the user sent, field by field as in Ray's Jobs API.

    `application` is set for a replica of a Serve application alone: `name`, and the `role` of its pools. It is handed
    to the pool's Serve, with what the application's newest deploy says.
    """

    entrypoint: str
    runtime_env: Mapping[str, Any] = field(default_factory=dict, hash=False)
    metadata: Mapping[str, str] = field(default_factory=dict, hash=False)
    entrypoint_num_cpus: float | None = None
    entrypoint_num_gpus: float | None = None
    entrypoint_memory: int | None = None
    entrypoint_resources: Mapping[str, float] | None = field(default=None, hash=False)
    entrypoint_label_selector: Mapping[str, str] | None = field(default=None, hash=False)
    application: Mapping[str, Any] | None = field(default=None, hash=False)


@dataclass(frozen=True)
class Hints:
    """What the user said about the job through `spillover/` metadata. None or empty: not said."""

    runtime_s: float | None = None
    max_runtime_s: float | None = None
    deadline_at: float | None = None
    pools: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    markets: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    resumable: bool = False
    data: Data | None = None


@dataclass(frozen=True)
class Job:
    """What a user submitted. `submission_id` is its one name for life. Times are Unix seconds.

    `move_to` is the pool that a job is being moved to, from the decision until its next attempt is committed: "" if it
    only makes room and queues again. Its live attempt, if there is one, is to stop for it. `moved_at` is when that was
    last decided.
    """

    submission_id: str
    request: SubmitRequest
    user: str
    team: str
    priority: int
    demand: Demand
    demand_source: str
    hints: Hints
    submitted_at: float
    status: JobStatus = JobStatus.QUEUED
    target: JobTarget = JobTarget.RUN
    message: str = ""
    attempts: int = 0
    not_before: float = 0.0
    started_at: float | None = None
    ended_at: float | None = None
    error_type: str | None = None
    exit_code: int | None = None
    wait_reason: str = ""
    expected_start_at: float | None = None
    move_to: str | None = None
    moved_at: float | None = None


class AttemptStatus(StrEnum):
    """COMMITTED: decided, the pool may not know of it. HANDED: the pool has it. Then RUNNING, then ENDED."""

    COMMITTED = "committed"
    HANDED = "handed"
    RUNNING = "running"
    ENDED = "ended"


class Outcome(StrEnum):
    """How an attempt ended.

    LOST: through no fault of the entrypoint. WITHDRAWN: it never reached the pool. MOVED: stopped by us to go on from
    its checkpoint on another pool.
    """

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"
    LOST = "lost"
    WITHDRAWN = "withdrawn"
    MOVED = "moved"


@dataclass(frozen=True)
class Attempt:
    """One run of a job on one pool's cluster. At most one attempt of a job is not ENDED."""

    attempt_id: str
    submission_id: str
    number: int
    pool: str
    node_type: str
    market: str
    committed_at: float
    why: str = ""
    status: AttemptStatus = AttemptStatus.COMMITTED
    session_name: str | None = None
    started_at: float | None = None
    ended_at: float | None = None
    outcome: Outcome | None = None
    message: str = ""
    error_type: str | None = None
    exit_code: int | None = None
    core_job_id: str | None = None
    driver_info: Mapping[str, str] | None = field(default=None, hash=False)
    driver_node_id: str | None = None
    driver_agent_http_address: str | None = None
    stop_sent_at: float | None = None
    log_whole: bool = False


@dataclass(frozen=True)
class JobView:
    """A job with its newest attempt, which is None until the job was first placed."""

    job: Job
    attempt: Attempt | None


def attempt_id(submission_id: str, number: int) -> str:
    """The first attempt carries the job's own id, later ones `-a2`, `-a3`."""
    return submission_id if number == 1 else f"{submission_id}-a{number}"
