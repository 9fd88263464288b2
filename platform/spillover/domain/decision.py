"""Offers, verdicts, decisions: what placement says.

Tuples, not dataclasses: a pass makes one decision for each of thousands of jobs, and a tuple is made in a fifth of the
time.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class PartKind(StrEnum):
    """What a part of an offer's cost is paid for.

    NODES: whole nodes that are rented for it, while it runs. SHARE: its share of nodes that are there anyway. STARTUP
    and IDLE: those rented nodes until they are up, and from its end until they are folded. HEAD: the pool's head, if it
    is raised for it. TRANSFER: all of these while its data is fetched; EGRESS: what the data's place charges for that.
    STORAGE: its checkpoints. INTERRUPTIONS: the time that the spot market is expected to cost it.
    """

    NODES = "nodes"
    SHARE = "share"
    STARTUP = "startup"
    IDLE = "idle"
    HEAD = "head"
    TRANSFER = "transfer"
    EGRESS = "egress"
    STORAGE = "storage"
    INTERRUPTIONS = "interruptions"


class Part(NamedTuple):
    """One part of what an offer costs, in US dollars, and in words.

    `time_s` is the time that this part is about, None for what is no matter of time.
    """

    kind: str
    usd: float
    time_s: float | None
    text: str


class Offer(NamedTuple):
    """One way to run a job: pool x node type x market x count, with what it costs and how long it takes.

    `out` is empty for an offer that could be taken, else the reason why not. One that is out shows what it would cost
    if its nodes were free; `nodes` is 0 and `cost_usd` None where its nodes can never hold the job. An offer that
    could be taken always has a cost.

    `runtime_s` is the work alone, `total_s` what it is expected to come to from its start, with fetching its data and
    with interruptions. `late_chance` is how likely it ends after its deadline, None if it has none, or no start is in
    sight. `parts` come to `cost_usd` exactly (math.fsum); they are made for offers that are shown, and for no others.
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
    total_s: float | None = None
    late_chance: float | None = None
    parts: tuple[Part, ...] = ()


class Verdict(StrEnum):
    """WAIT for room, or TAKE an offer. MOVE a running job to the pool named, from its checkpoint."""

    WAIT = "wait"
    TAKE = "take"
    MOVE = "move"


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
