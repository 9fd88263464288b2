"""Where a second policy, which is only asked, would have done otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Otherwise(StrEnum):
    """What it would have done with a job.

    RENTS: rented, while the job waited and then ran on owned nodes. SOONER: rented, before that was done. ELSEWHERE:
    rented something else. KEEPS: let the job wait that was rented for.
    """

    RENTS = "rents"
    SOONER = "sooner"
    ELSEWHERE = "elsewhere"
    KEEPS = "keeps"


@dataclass(frozen=True)
class Difference:
    """One job that the second policy would have treated otherwise, by what was expected at `at` (Unix seconds).

    `usd` is what it would have spent more on rented nodes, `wait_s` by how much longer the job would have waited, None
    if a start was not in sight. `starts_at` is when the job would have started, if known. `settled`: what really became
    of the job is in the figures.
    """

    submission_id: str
    team: str
    at: float
    kind: Otherwise
    pool: str
    usd: float
    wait_s: float | None
    starts_at: float | None
    settled: bool
    sentence: str


@dataclass(frozen=True)
class ShadowSum:
    """All jobs of one UTC day (YYYY-MM-DD) with the same difference. `waits` counts those whose wait is in `wait_s`."""

    day: str
    kind: Otherwise
    jobs: int
    usd: float
    wait_s: float
    waits: int
