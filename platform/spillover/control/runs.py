"""What runs an attempt on its pool: the cluster's Jobs API, or its Serve for a replica of an application."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from ..domain.job import Attempt, Job, SubmitRequest
from ..ports import ClusterJob, ClusterVersion
from .core import Core


class Runner(Protocol):
    """The part of ports.Cluster that an attempt meets."""

    async def version(self) -> ClusterVersion:
        """Who answers there."""
        ...

    async def submit(self, attempt_id: str, request: SubmitRequest) -> None:
        """Hand it over."""
        ...

    async def job(self, attempt_id: str) -> ClusterJob | None:
        """What became of it; None if the pool does not know it."""
        ...

    async def stop(self, attempt_id: str) -> None:
        """Ask for it to end."""
        ...


Runs = Callable[[Job, Attempt], Runner]


def runs_of(core: Core, sites: Mapping[str, Runner]) -> Runs:
    """Who runs an attempt. `sites` are the pools' Serve, by pool."""

    def runner(job: Job, attempt: Attempt) -> Runner:
        return sites[attempt.pool] if job.request.application else core.pools[attempt.pool].cluster

    return runner
