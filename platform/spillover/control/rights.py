"""Refusals to those who may not see or do what they ask for. Each says whose it is, who asks, and who may."""

from __future__ import annotations

from ..domain.access import Caller, Role
from ..domain.job import Job
from ..errors import Forbidden


def sees(caller: Caller, job: Job) -> bool:
    """Whether the job is shown to the caller: its own jobs, those of its team, and to operators all."""
    return caller.user == job.user or caller.sees(job.team)


def check_sees(caller: Caller, job: Job) -> None:
    """Raises Forbidden unless the caller may look at the job."""
    if not sees(caller, job):
        raise Forbidden(
            f"Forbidden: job {job.submission_id} is team '{job.team}'s; {_who(caller)}. "
            f"Its team and operators may look at it."
        )


def check_commands(caller: Caller, job: Job, what: str) -> None:
    """Raises Forbidden unless the caller may stop and delete the job. `what` is the verb."""
    check_sees(caller, job)
    if not caller.commands(job.user):
        raise Forbidden(
            f"Forbidden: job {job.submission_id} is {job.user}'s; {_who(caller)}. "
            f"{job.user} and operators may {what} it."
        )


def check_submits(caller: Caller) -> None:
    """Raises Forbidden for those who only look."""
    if not caller.role.allows(Role.USER):
        raise Forbidden(f"Forbidden: {_who(caller)}, which looks and does not submit. Ask for one of the role 'user'.")


def _who(caller: Caller) -> str:
    return f"this token is {caller.user}'s, a {caller.role.value} of team '{caller.team}'"
