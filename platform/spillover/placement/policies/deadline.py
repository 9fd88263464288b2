"""Meet a deadline for the least money: Uniform Progress of "Can't Be Late" (Wu et al., NSDI'24)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, ClassVar

from ...domain.pool import Market
from ..codes import Reason
from ..forecast import span
from ..sentences import clock
from ..snapshot import PastWait, QueuedJob
from .base import Context, Judgement, Policy, is_number, learner, setting
from .facts import ON_DEMAND, SPOT, WAIT, Facts

Rule = Callable[[Sequence[float], Facts], tuple[int, float]]

_BURSTS = "burst_deadline"
_ONLY = Judgement(burst=True, reason=Reason.ONLY_BURST, sentence="no baseline pool can run it")


def pace(tight_at: float, facts: Facts) -> float:
    """The share of the time left that its work may need before the job counts as behind.

    In the paper's words, with C the work and R the time left: progress is behind the even line from submission to
    deadline, cp(t) < ep(t), just when C(t)/R(t) > C(0)/R(0). Where C(0)/R(0) is under `tight_at`, there is no hurry
    until C(t)/R(t) has come to that, and the even line then starts there. C is `safe_s`: a deadline wants the high
    quantile, not the mean.
    """
    done_s = facts.done_s if facts.resumable > 0.0 else 0.0
    return max((done_s + facts.safe_s) / (facts.deadline_at - facts.submitted_at), tight_at)


def last_call(facts: Facts) -> float:
    """The safety net: R(t) = C(t) + 2d, from when on only on-demand nodes will do. d is a start and what it repeats."""
    return facts.deadline_at - facts.safe_s - 2.0 * (facts.startup_s + facts.lost_s)


def must_rent_at(tight_at: float, facts: Facts) -> float:
    """The latest moment to rent on demand, as long as the job stands still: the safety net, or when it falls behind.

    A job that cannot be resumed cannot use on-demand nodes to catch up and then leave them: it has the net alone.
    """
    net_at = last_call(facts)
    if net_at <= facts.now or facts.resumable <= 0.0:
        return net_at
    return min(net_at, facts.deadline_at - facts.safe_s / pace(tight_at, facts))


def meet(knobs: Sequence[float], facts: Facts) -> tuple[int, float]:
    """What a job with a deadline, on no node now, should do. The first knob is `tight_at`.

    Past the safety net on demand, and there to the end. Else spot where it can be had for less, even when behind; but
    owned room that is expected in time is waited for, since it costs nothing more. Else on demand when behind.
    """
    until = must_rent_at(knobs[0], facts)
    if last_call(facts) <= facts.now:
        return ON_DEMAND, math.inf
    spot = facts.resumable > 0.0 and facts.spot_usd_per_hour < facts.usd_per_hour
    if spot and facts.now + facts.wait_s >= until:
        return SPOT, last_call(facts)
    if until <= facts.now:
        return ON_DEMAND, math.inf
    return WAIT, until


def may_leave(knobs: Sequence[float], facts: Facts) -> bool:
    """Whether a job that runs on demand may leave its node, for spot, owned room or to wait: the paper's hysteresis.

    Not before it is where even progress will be after two changes, cp(t) >= ep(t + 2d).
    """
    left_s = facts.deadline_at - facts.now - 2.0 * (facts.startup_s + facts.lost_s)
    return facts.resumable > 0.0 and left_s > 0.0 and facts.safe_s <= pace(knobs[0], facts) * left_s


@cache
def rule_with(other: Rule) -> Rule:
    """The rule of `meet`, and for jobs without a deadline `other`, whose knobs are all but the first."""

    def rule(knobs: Sequence[float], facts: Facts) -> tuple[int, float]:
        if facts.deadline_at == math.inf:
            return other(knobs[1:], facts)
        return meet(knobs, facts)

    return rule


@dataclass(frozen=True)
class Deadline:
    """A job with a deadline waits or runs on spot while that is safe, and on demand when it must: Uniform Progress.

    After "Can't Be Late" (NSDI'24). A job is behind when it needs a larger share of the time left than it did at
    first, and not before that share is `tight_at`. While it is not behind, it waits for owned room or takes spot
    nodes; when it is, it takes spot nodes if it can be resumed and some can be had, else on-demand ones, on which it
    stays: the paper's way back from them is not taken. When the time left is down to its work and two changes of node,
    it rents on demand. The work is taken as what 9 of 10 such jobs stay under, a change as the start of a node and the
    work that is repeated. A job that cannot be resumed waits until then. Jobs without a deadline follow the policy
    `otherwise`.
    """

    name: ClassVar[str] = "deadline"
    otherwise: Any = setting(  # noqa: RUF009 -- it is a field
        "the policy of jobs without a deadline: its name, or a mapping with `name` and its settings",
        default="starburst",
        shown="`starburst`: wait for up to a quarter of the expected run time",
    )
    tight_at: float = setting(
        "the share of the time left, over 0 and up to 1, that work must need before it is kept to even progress",
        default=0.6,
        shown="`0.6`",
    )

    def __post_init__(self) -> None:
        """Raises ValueError that names the setting at fault."""
        if not is_number(self.tight_at) or not 0 < self.tight_at <= 1:
            raise ValueError(f"tight_at is {self.tight_at!r}; write a number over 0 and up to 1, as in 0.6")
        object.__setattr__(self, "otherwise", _policy(self.otherwise))

    @property
    def rule(self) -> Rule:
        """That of deadlines and of `otherwise` in one. Raises AttributeError where the latter has none."""
        found: Rule = self.otherwise.rule
        return rule_with(found)

    @property
    def knobs(self) -> tuple[float, ...]:
        """What `rule` takes."""
        return float(self.tight_at), *self.otherwise.knobs

    @property
    def learns(self) -> bool:
        """If the other policy does."""
        return learner(self.otherwise) is not None

    def steer(self, past: Sequence[PastWait], waiting: Sequence[PastWait]) -> Policy:
        """With the other policy as history calls for."""
        other = learner(self.otherwise)
        return replace(self, otherwise=other.steer(past, waiting)) if other else self

    def judge(self, job: QueuedJob, context: Context) -> Judgement:
        """Burst when the deadline calls for it, or where spot will do; wait until then."""
        if job.hints.deadline_at is None:
            judged: Judgement = self.otherwise.judge(job, context)
            return judged
        if not context.baseline:
            return _ONLY
        facts = context.facts(job)
        choice, until = meet((self.tight_at,), facts)
        if choice == WAIT:
            text = f"deadline rents for it at the latest at {clock(until, facts.now)} ({_needs(facts)})"
            return Judgement(burst=False, reason=Reason.WAITS_BASELINE, sentence=text, until=until)
        why = "it runs on spot while time allows" if choice == SPOT else "it can wait no longer"
        market = Market.SPOT if choice == SPOT else Market.ON_DEMAND
        return Judgement(burst=True, reason=_BURSTS, sentence=f"{why}: {_needs(facts)}", market=market)


def _needs(facts: Facts) -> str:
    left_s = facts.deadline_at - facts.now
    left = f"{span(left_s)} to go" if left_s > 0 else "no time left"
    return f"{left} to its deadline at {clock(facts.deadline_at, facts.now)}, and up to {span(facts.safe_s)} of work"


def _policy(value: Any) -> Policy:
    from . import make_policy  # noqa: PLC0415 -- the registry imports this file

    if isinstance(value, str):
        value = {"name": value}
    if callable(getattr(value, "judge", None)):
        made: Policy = value
        return made
    if not isinstance(value, Mapping):
        text = "write the name of a policy, or a mapping with its name and settings"
        raise ValueError(f"otherwise is {value!r}; {text}")  # noqa: TRY004 -- as for any wrong setting
    settings = dict(value)
    name = settings.pop("name", None)
    if not isinstance(name, str) or name == Deadline.name:
        raise ValueError(f"otherwise names the policy {name!r}; write another than deadline, as in {{name: immediate}}")
    try:
        return make_policy(name, **settings)
    except ValueError as error:
        raise ValueError(f"otherwise: {error}") from None


POLICY = Deadline
