"""The port that a policy satisfies. A policy says of one waiting job whether to pay now or to wait."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple, Protocol

from ...domain.decision import Offer
from ..snapshot import QueuedJob


class Context(NamedTuple):
    """What a policy may look at besides the job. A tuple, not a dataclass: one is made for every waiting job.

    `offer` is the cheapest rented offer that could be taken now. `expected_wait_s` is the expected wait for owned
    room, None if no start is in sight. `baseline` says whether any owned pool could ever run the job, and
    `baseline_cost_usd` what that would cost. `ahead` are the submit times (Unix seconds, ascending) of the jobs that
    wait ahead of this one; a job that bursts is no longer among them.
    """

    now: float
    offer: Offer
    expected_wait_s: float | None
    baseline_cost_usd: float | None
    ahead: Sequence[float]
    baseline: bool = True


class Judgement(NamedTuple):
    """What a policy says: `reason` is a steady code, `sentence` a clause without full stop.

    `until` is when the policy would burst this job as things stand (Unix seconds), None if it cannot say.
    """

    burst: bool
    reason: str
    sentence: str
    until: float | None = None


class Policy(Protocol):
    """When to wait and when to pay. Frozen, without state: the same question gets the same answer."""

    name: ClassVar[str]

    def judge(self, job: QueuedJob, context: Context) -> Judgement:
        """Whether this job, which has no owned room now, should take `context.offer`."""
        ...
