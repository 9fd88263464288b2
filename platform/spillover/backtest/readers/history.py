"""Spillover's own past jobs as a trace."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from ...domain.past import PastJob, PastJobs
from .cells import NAN, Problems
from .draft import Loaded, Reading, finish
from .records import Record, together

FORMAT = "store"


def from_history(past: PastJobs, may_burst: Callable[[str], bool], how: Reading, source: str) -> Loaded:
    """Jobs that ran and ended, with their newest attempt's run time. `may_burst` says whether a team's jobs may.

    The hash is that of the jobs' ids and times: the same history gives the same one.
    """
    problems = Problems("job")
    if past.left_out:
        problems.note(f"{past.left_out:,} jobs of that time never ran, or have not ended: left out")
    records = [(at, _record(job, may_burst)) for at, job in enumerate(past.jobs, start=1)]
    return finish(together(records, problems), how, source=source, sha256=_hash(past.jobs), format_name=FORMAT)


def _record(job: PastJob, may_burst: Callable[[str], bool]) -> Record:
    total, hints = job.demand.total(), job.hints
    return Record(
        job_id=job.submission_id,
        submit_s=job.submitted_at,
        run_s=job.ended_at - job.started_at,
        gpus=total.get("GPU", 0.0),
        cpus=total.get("CPU", 0.0),
        team=job.team,
        user=job.user,
        priority=float(job.priority),
        hint_s=NAN if hints.runtime_s is None else hints.runtime_s,
        deadline_s=NAN if hints.deadline_at is None else hints.deadline_at,
        resumable=float(hints.resumable),
        may_burst=float(may_burst(job.team)),
    )


def _hash(jobs: Sequence[PastJob]) -> str:
    told = "\n".join(f"{job.submission_id} {job.submitted_at} {job.started_at} {job.ended_at}" for job in jobs)
    return hashlib.sha256(told.encode()).hexdigest()
