"""Pay when waiting has used up what the job is worth: Starburst's compute-wait (ATC'24), priced in dollars."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from ..codes import Reason
from ..forecast import span
from ..sentences import clock, usd
from ..snapshot import PastWait, QueuedJob
from ..steering import seconds_per_usd
from .base import Context, Judgement, Policy, is_number, setting
from .base import target_s as seconds_of
from .facts import ON_DEMAND, WAIT, Facts

LEAST_PAST = 20
"""So many started jobs it takes to steer by: the mean of fewer says little, and one large job would decide."""

_BURSTS = "burst_waiting_budget"
_ONLY = Judgement(burst=True, reason=Reason.ONLY_BURST, sentence="no baseline pool can run it")
_FREE = Judgement(burst=True, reason=_BURSTS, sentence="renting for it costs nothing")


def price_usd(usd_per_hour: float, runtime_s: float) -> float:
    """What a job costs on demand."""
    return usd_per_hour * runtime_s / 3600.0


def due(submitted_at: float, seconds: float, price: float, now: float) -> tuple[int, float]:
    """Wait until so many seconds for each dollar are over, then rent; what is free to rent is not waited for."""
    until = submitted_at + seconds * price
    if price <= 0.0 or until <= now:
        return ON_DEMAND, math.inf
    return WAIT, until


def rule(knobs: Sequence[float], facts: Facts) -> tuple[int, float]:
    """Wait for as long as the job's on-demand price buys. The knob: seconds for each dollar."""
    price = price_usd(facts.usd_per_hour, facts.left_s)
    return due(facts.submitted_at, knobs[0], price, facts.now)


@dataclass(frozen=True)
class WaitingBudget:
    """A job bursts once it has waited c x its on-demand price: what is dear to rent waits longer for owned room.

    The price is that of the job's gang on whole on-demand nodes, on the cheapest pool that may rent them, for its
    expected run time. Give c itself as `seconds_per_usd`, or `target_mean_wait`: then c is found anew at each pass, as
    the largest at which the newest 500 jobs and those that wait would have waited that long in the mean, the start
    of rented nodes included. Until 20 jobs have started, each waits for the target itself. A job that no
    baseline pool could ever run has nothing to wait for and bursts at once.
    """

    name: ClassVar[str] = "waiting_budget"
    rule = staticmethod(rule)
    steady: ClassVar[bool] = True
    target_mean_wait: float | str | None = setting(
        "the mean wait to steer for, in seconds or as `5min`; give this or `seconds_per_usd`", default=None
    )
    seconds_per_usd: float | None = setting(
        "how long a job waits for each dollar that it would cost on demand; give this or the target", default=None
    )

    def __post_init__(self) -> None:
        """Raises ValueError that names the setting at fault."""
        if (self.target_mean_wait is None) == (self.seconds_per_usd is None):
            raise ValueError("give one of 'target_mean_wait' and 'seconds_per_usd', as in target_mean_wait: 5min")
        if self.target_mean_wait is not None:
            object.__setattr__(self, "target_mean_wait", seconds_of(self.target_mean_wait))
        elif not is_number(self.seconds_per_usd) or self.seconds_per_usd <= 0:
            raise ValueError(
                f"seconds_per_usd is {self.seconds_per_usd!r}; write a number above 0, or take the policy 'immediate'"
            )

    @property
    def knobs(self) -> tuple[float, ...]:
        """What `rule` takes. Raises AttributeError with a target, since then history sets them anew at each pass."""
        if self.seconds_per_usd is None:
            raise AttributeError("waiting_budget with target_mean_wait has no fixed knobs; give seconds_per_usd")
        return (float(self.seconds_per_usd),)

    @property
    def learns(self) -> bool:
        """Only a target is steered for."""
        return self.target_mean_wait is not None

    def steer(self, past: Sequence[PastWait], waiting: Sequence[PastWait]) -> Policy:
        """With a target: the policy with the c that history calls for."""
        target_s = self.target_mean_wait
        if not isinstance(target_s, float) or len(past) < LEAST_PAST:
            return self
        return _Steered(target_s, seconds_per_usd(past, waiting, target_s))

    def judge(self, job: QueuedJob, context: Context) -> Judgement:
        """Burst once the job's patience is over, else wait until then."""
        if not context.baseline:
            return _ONLY
        if isinstance(self.target_mean_wait, float):
            return _until_known(job, context, self.target_mean_wait)
        return _weigh(job, context, self.seconds_per_usd or 0.0, "at the latest at")


@dataclass(frozen=True)
class _Steered:
    """One pass under a target: c is what history calls for, infinite if no patience would exceed the target."""

    target_s: float
    seconds_per_usd: float
    name: ClassVar[str] = WaitingBudget.name

    def judge(self, job: QueuedJob, context: Context) -> Judgement:
        """Burst once the job's patience is over, else wait until then."""
        if not context.baseline:
            return _ONLY
        if self.seconds_per_usd == math.inf:
            return _unbounded(self.target_s)
        if self.seconds_per_usd <= 0:
            return Judgement(burst=True, reason=_BURSTS, sentence=_no_time(self.target_s))
        return _weigh(job, context, self.seconds_per_usd, "as things stand at")


def _weigh(job: QueuedJob, context: Context, seconds: float, bound: str) -> Judgement:
    """Burst or wait, by what the job's price buys at so many seconds per dollar."""
    rate = context.on_demand_usd_per_hour()
    price = (context.offer.cost_usd or 0.0) if rate is None else price_usd(rate, job.runtime_s)
    if price <= 0:
        return _FREE
    choice, until = due(job.submitted_at, seconds, price, context.now)
    if choice != WAIT:
        return Judgement(burst=True, reason=_BURSTS, sentence=f"{_buys(price, seconds * price)}, which is over")
    text = f"waiting_budget bursts it {bound} {clock(until, context.now)} ({_buys(price, seconds * price)})"
    return Judgement(burst=False, reason=Reason.WAITS_BASELINE, sentence=text, until=until)


def _until_known(job: QueuedJob, context: Context, target_s: float) -> Judgement:
    """Without history, patience is the target itself, whatever the job costs."""
    until = job.submitted_at + target_s
    if until <= context.now:
        return Judgement(burst=True, reason=_BURSTS, sentence=f"it has waited {_target(target_s)}")
    text = f"waiting_budget bursts it as things stand at {clock(until, context.now)} ({_target(target_s)})"
    return Judgement(burst=False, reason=Reason.WAITS_BASELINE, sentence=text, until=until)


def _buys(price_usd: float, patience_s: float) -> str:
    return f"its on-demand price of {usd(price_usd)} buys {span(patience_s)} of waiting"


@lru_cache(maxsize=8)
def _unbounded(target_s: float) -> Judgement:
    text = f"waiting_budget has no reason to burst it, since mean waits stay under the target of {span(target_s)}"
    return Judgement(burst=False, reason=Reason.WAITS_BASELINE, sentence=text)


def _no_time(target_s: float) -> str:
    return f"a mean wait of {span(target_s)} leaves no time to wait"


def _target(target_s: float) -> str:
    return f"{span(target_s)}, the target, for fewer than {LEAST_PAST} jobs have started so far"


POLICY = WaitingBudget
