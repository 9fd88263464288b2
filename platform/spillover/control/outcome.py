"""Lost or failed: how an attempt that ended on its pool is to be read."""

from __future__ import annotations

from ..domain.job import Outcome
from ..ports import ClusterJob

# Ray's JobErrorType. LOST: the driver or its node died, could not be scheduled, or did not start in time.
# FAILED: the entrypoint, or the runtime environment that the user asked for, is at fault.
OUTCOME_OF_ERROR: dict[str, Outcome] = {
    "RUNTIME_ENV_SETUP_FAILURE": Outcome.FAILED,
    "JOB_SUPERVISOR_ACTOR_START_TIMEOUT": Outcome.LOST,
    "JOB_SUPERVISOR_ACTOR_START_FAILURE": Outcome.LOST,
    "JOB_SUPERVISOR_ACTOR_UNSCHEDULABLE": Outcome.LOST,
    "JOB_SUPERVISOR_ACTOR_UNKNOWN_FAILURE": Outcome.LOST,
    "JOB_SUPERVISOR_ACTOR_DIED": Outcome.LOST,
    "JOB_ENTRYPOINT_COMMAND_START_ERROR": Outcome.FAILED,
    "JOB_ENTRYPOINT_COMMAND_ERROR": Outcome.FAILED,
}

RAY_FINAL = frozenset({"SUCCEEDED", "FAILED", "STOPPED"})


_STOP_CROSSED_END = "JOB_ENTRYPOINT_COMMAND_START_ERROR"


def outcome_of(job: ClusterJob, *, stopped_while_it_ran: bool = False) -> Outcome:
    """How an attempt with a final Ray status ended. An error type unknown to us counts as the job's own failure.

    A stop that reaches Ray in the moment when the driver ends by itself makes Ray look for a process that is gone, and
    report that the entrypoint could not be started, though it ran. That counts as stopped.
    """
    if job.status == "SUCCEEDED":
        return Outcome.SUCCEEDED
    if job.status == "STOPPED" or (stopped_while_it_ran and job.error_type == _STOP_CROSSED_END):
        return Outcome.STOPPED
    return OUTCOME_OF_ERROR.get(job.error_type or "", Outcome.FAILED)
