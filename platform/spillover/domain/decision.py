"""Offers, verdicts, decisions: what placement says.

Tuples, not dataclasses: a pass makes one decision for each of thousands of jobs, and a tuple is made in a fifth of the
time.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Offer(NamedTuple):
    """One way to run a job: pool x node type x market x count, with what it costs and how long it takes.

    `out` is empty for an offer that could be taken, else the reason why not. One that is out shows what it would cost
    if its nodes were free; `nodes` is 0 and `cost_usd` None where its nodes can never hold the job. An offer that
    could be taken always has a cost.
    """

    pool: str
    node_type: str
    market: str
    nodes: int
    price_usd_per_hour: float
    start_delay_s: float | None
    runtime_s: float
    cost_usd: float | None
    out: str = ""
    chosen: bool = False


class Verdict(StrEnum):
    """WAIT for room, or TAKE an offer."""

    WAIT = "wait"
    TAKE = "take"


class Decision(NamedTuple):
    """What was decided for one job at one moment, with one plain sentence that says why."""

    submission_id: str
    at: float
    verdict: Verdict
    sentence: str
    reason: str
    policy: str
    pool: str | None = None
    node_type: str | None = None
    market: str | None = None
    until: float | None = None
    expected_start_at: float | None = None
    offers: tuple[Offer, ...] = ()
