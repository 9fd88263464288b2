"""The port that a policy satisfies. A policy says of one waiting job whether to pay now or to wait."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import MISSING, field
from typing import Any, ClassVar, NamedTuple, Protocol, TypeGuard, runtime_checkable

from ...domain.decision import Offer
from ...units import parse_duration
from ..snapshot import PastWait, QueuedJob
from .facts import Facts


def setting(meaning: str, *, default: Any = MISSING, shown: str = "") -> Any:
    """A field of a policy that can be set: in one line what it means, its default, and that as people write it."""
    return field(default=default, metadata={"meaning": meaning, "shown": shown})


def is_number(value: object) -> TypeGuard[float]:
    """Whether a setting is a finite number; YAML's `true` is none, although Python's is."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def target_s(value: float | str) -> float:
    """The setting `target_mean_wait` in seconds. Raises ValueError that names it."""
    try:
        seconds = parse_duration(value)
    except ValueError as error:
        raise ValueError(f"target_mean_wait {value!r} {error}") from None
    if not seconds:
        raise ValueError(f"target_mean_wait is {value!r}; write more than 0, or take the policy 'immediate'")
    return seconds


def _unpriced() -> float | None:
    return None


def _unknown(job: QueuedJob) -> Facts:
    raise LookupError(f"nothing is known of job '{job.submission_id}' here")


class Context(NamedTuple):
    """What a policy may look at besides the job. A tuple, not a dataclass: one is made for every waiting job.

    `offer` is the cheapest rented offer that could be taken now. `expected_wait_s` is the expected wait for owned
    room, None if no start is in sight. `baseline` says whether any owned pool could ever run the job, and
    `baseline_cost_usd` what that would cost. `ahead` are the submit times (Unix seconds, ascending) of the jobs that
    wait ahead of this one; a job that bursts is no longer among them. `on_demand_usd_per_hour` says what the gang costs
    on new on-demand nodes whatever is free now, None if no rented pool may run it: computed when it is called.
    `known` makes the facts for rules of plain numbers.
    """

    now: float
    offer: Offer
    expected_wait_s: float | None
    baseline_cost_usd: float | None
    ahead: Sequence[float]
    baseline: bool = True
    on_demand_usd_per_hour: Callable[[], float | None] = _unpriced
    known: Callable[[QueuedJob], Facts] = _unknown

    def facts(self, job: QueuedJob) -> Facts:
        """The same in plain numbers, for policies whose rule also runs compiled."""
        return self.known(job)


class Judgement(NamedTuple):
    """What a policy says: `reason` is a steady code, `sentence` a clause without full stop.

    `until` is when the policy would burst this job as things stand (Unix seconds), None if it cannot say. `market` is
    where it must burst, if any pool has room there now; "" takes the cheapest offer, which counts interruptions.
    """

    burst: bool
    reason: str
    sentence: str
    until: float | None = None
    market: str = ""


class Policy(Protocol):
    """When to wait and when to pay. Frozen, without state: the same question gets the same answer."""

    name: ClassVar[str]

    def judge(self, job: QueuedJob, context: Context) -> Judgement:
        """Whether this job, which has no owned room now, should take `context.offer`."""
        ...


@runtime_checkable
class Ruled(Policy, Protocol):
    """A policy of plain numbers: live code calls its rule as it stands, a compiled replay compiles it.

    `knobs` are its settings as numbers. `rule(knobs, facts)` returns what to do now (WAIT, ON_DEMAND or SPOT) and until
    when (Unix seconds) that holds as things stand. A policy that is `steady` answers the same until then.
    """

    rule: Callable[[Sequence[float], Facts], tuple[int, float]]

    @property
    def knobs(self) -> tuple[float, ...]:
        """Its settings as numbers."""
        ...


@runtime_checkable
class Mover(Ruled, Protocol):
    """A policy that also moves running work. Each function gives US dollars for `(knobs, facts)` of one job.

    `home_gain_usd`: what it saves to move it from rented nodes to free owned ones. `entry_gain_usd`: what it saves
    if it
    begins on owned nodes and is not rented for. `leave_cost_usd`: what it costs to stop it there for another one.
    """

    home_gain_usd: Callable[[Sequence[float], Facts], float]
    entry_gain_usd: Callable[[Sequence[float], Facts], float]
    leave_cost_usd: Callable[[Sequence[float], Facts], float]


def mover(policy: Policy) -> Mover | None:
    """The policy if it moves work."""
    return policy if isinstance(policy, Mover) else None


@runtime_checkable
class Steered(Policy, Protocol):
    """A policy that may learn from how long jobs have waited. Before each pass it is asked for the policy to go by."""

    @property
    def learns(self) -> bool:
        """Whether it does, as it is set."""
        ...

    def steer(self, past: Sequence[PastWait], waiting: Sequence[PastWait]) -> Policy:
        """The policy for one pass. Pure: the same history and queue give the same policy.

        `past` are the newest jobs that have started, `waiting` those that wait longest, with their wait so far.
        """
        ...


def learner(policy: Policy) -> Steered | None:
    """The policy if it learns: only then is history looked up."""
    return policy if isinstance(policy, Steered) and policy.learns else None
