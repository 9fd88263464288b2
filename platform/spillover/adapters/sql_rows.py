"""Domain values to rows and back."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import lru_cache
from typing import Any

from sqlalchemy import Row

from ..domain.job import Attempt, AttemptStatus, Job, JobStatus, JobTarget, Outcome, SubmitRequest
from ..domain.past import PastRun, StartedJob
from ..domain.pool import PoolState, PoolStatus, PoolTarget
from . import codec
from .seal import Sealer

# A queue of thousands is read on every pass; what was decoded once is not decoded again
_demand = lru_cache(maxsize=65536)(codec.load_demand)
_hints = lru_cache(maxsize=65536)(codec.load_hints)

_MUTABLE = (
    "message",
    "attempts",
    "not_before",
    "started_at",
    "ended_at",
    "error_type",
    "exit_code",
    "wait_reason",
    "expected_start_at",
    "move_to",
    "moved_at",
    "demand_source",
)


_BY_ITSELF = {Outcome.SUCCEEDED.value, Outcome.FAILED.value}


def job_row(job: Job, sealer: Sealer) -> dict[str, Any]:
    """All columns of a new job. The values of `env_vars` are sealed and kept apart from the request."""
    env = dict(job.request.runtime_env)
    secrets = env.pop("env_vars", None)
    return {
        "submission_id": job.submission_id,
        "deleted": False,
        "entrypoint": job.request.entrypoint,
        "request": codec.dump_request(replace(job.request, runtime_env=env)),
        "env_vars": None if secrets is None else sealer.seal(json.dumps(secrets)),
        "user": job.user,
        "team": job.team,
        "priority": job.priority,
        "hints": codec.dump_hints(job.hints),
        "submitted_at": job.submitted_at,
        "target": job.target.value,
        **job_changes(job),
    }


def job_changes(job: Job) -> dict[str, Any]:
    """The columns that the reconciler moves. The target is not among them: only handlers set it."""
    changes = {name: getattr(job, name) for name in _MUTABLE}
    return {**changes, "status": job.status.value, "demand": codec.dump_demand(job.demand)}


def load_job(row: Row[Any], sealer: Sealer) -> Job:
    """A job back from its row."""
    data = row._mapping  # noqa: SLF001  # SQLAlchemy's public name for it
    return Job(
        submission_id=data["submission_id"],
        request=_request(data["request"], data["env_vars"], sealer),
        user=data["user"],
        team=data["team"],
        priority=data["priority"],
        demand=_demand(data["demand"]),
        hints=_hints(data["hints"]),
        submitted_at=data["submitted_at"],
        status=JobStatus(data["status"]),
        target=JobTarget(data["target"]),
        **{name: data[name] for name in _MUTABLE},
    )


def load_started(row: Row[Any]) -> StartedJob:
    """A started job from its columns and those of its attempt."""
    data = dict(row._mapping)  # noqa: SLF001
    return StartedJob(**{**data, "demand": _demand(data["demand"]), "hints": _hints(data["hints"])})


def load_past_run(row: Row[Any]) -> PastRun:
    """A job that has ended, from its columns, the sum of its attempts and how the last one came out."""
    return PastRun(
        submission_id=row.submission_id,
        user=row.user,
        team=row.team,
        entrypoint=row.entrypoint,
        runtime_env=codec.load_request(row.request).runtime_env if row.entrypoint else {},
        demand=_demand(row.demand),
        hints=_hints(row.hints),
        submitted_at=row.submitted_at,
        ended_at=row.ended_at,
        run_s=float(row.run_s),
        by_itself=row.outcome in _BY_ITSELF,
    )


@lru_cache(maxsize=65536)
def _request(text: str, sealed: str | None, sealer: Sealer) -> SubmitRequest:
    request = codec.load_request(text)
    if sealed is None:
        return request
    return replace(request, runtime_env={**request.runtime_env, "env_vars": json.loads(sealer.open(sealed))})


def attempt_row(attempt: Attempt) -> dict[str, Any]:
    """All columns of an attempt."""
    row = {name: getattr(attempt, name) for name in Attempt.__dataclass_fields__}
    row["status"] = attempt.status.value
    row["outcome"] = attempt.outcome.value if attempt.outcome else None
    row["driver_info"] = codec.dump(attempt.driver_info) if attempt.driver_info else None
    return row


def load_attempt(row: Row[Any]) -> Attempt:
    """An attempt back from its row."""
    data = dict(row._mapping)  # noqa: SLF001
    data["status"] = AttemptStatus(data["status"])
    data["outcome"] = Outcome(data["outcome"]) if data["outcome"] else None
    data["driver_info"] = json.loads(data["driver_info"]) if data["driver_info"] else None
    return Attempt(**data)


def pool_row(state: PoolState) -> dict[str, Any]:
    """All columns of a pool's state."""
    row = {name: getattr(state, name) for name in PoolState.__dataclass_fields__}
    return {**row, "status": state.status.value, "target": state.target.value}


def load_pool(row: Row[Any]) -> PoolState:
    """A pool's state back from its row."""
    data = dict(row._mapping)  # noqa: SLF001
    return PoolState(**{**data, "status": PoolStatus(data["status"]), "target": PoolTarget(data["target"])})
