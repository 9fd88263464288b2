"""Pay when waiting would cost more: both sides of each decision in dollars, by one value of an hour of waiting."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import ClassVar

from ..codes import Reason
from ..forecast import span
from ..sentences import clock, usd
from ..snapshot import PastWait, QueuedJob
from .base import Context, Judgement, Policy, is_number, setting
from .base import target_s as seconds_of
from .facts import WAIT, Facts
from .markets import market

_BURSTS = "burst_marginal"
_ONLY = Judgement(burst=True, reason=Reason.ONLY_BURST, sentence="no baseline pool can run it")

_ENTRY = 0.1
"""Of what it would cost to rent for a job, so much is counted as saved if room is made for it now: most of it would be
saved anyway, since room comes of itself, and those that give way are rented for instead. Of 0.05 to 1, 0.1 did best."""

_RESUMABLE, _OTHER = 0.3, 2.0
"""A job waits for so many times what renting would cost. A resumable one can still come home later, so waiting saves it
less. For the others the mean wait is what counts, of which half are shorter."""

LEAST_PAST = 20
"""So many started jobs it takes to steer by."""

_GAIN, _MOST = 10.0, 6.0
_MONTH_S = 30 * 86_400.0

_DOUBT = 2.0
"""Room is expected after that many times the wait that running work's expected ends give: others come meanwhile."""


def worth_usd(facts: Facts) -> float:
    """What it would cost to rent for the job: its expected time left on the cheaper market, and what is paid once."""
    return min(facts.usd_per_hour, facts.spot_usd_per_hour) * facts.left_s / 3600.0 + facts.once_usd


def patience_s(value: float, facts: Facts) -> float:
    """How long the job may wait: until its waiting has cost so many times what renting would."""
    share = _RESUMABLE if facts.resumable > 0.0 else _OTHER
    return share * worth_usd(facts) / value * 3600.0


def rule(knobs: Sequence[float], facts: Facts) -> tuple[int, float]:
    """Wait while owned room is expected within the job's patience and that is not over; else rent on the cheaper
    market.

    Knob: the value of an hour of waiting in US dollars.
    """
    value = knobs[0]
    patience = patience_s(value, facts)
    until = facts.submitted_at + patience
    if _DOUBT * facts.wait_s <= patience and until > facts.now:
        return WAIT, until
    return market(facts, value), math.inf


def home_gain_usd(knobs: Sequence[float], facts: Facts) -> float:
    """What it saves to move a job that runs on rented nodes to owned ones that are free: below 0, leave it."""
    return facts.usd_per_hour * facts.left_s / 3600.0 - facts.move_usd - knobs[0] * facts.move_s / 3600.0


def entry_gain_usd(knobs: Sequence[float], facts: Facts) -> float:  # noqa: ARG001 -- the shape of the others
    """What it saves if a job that would be rented for now begins on owned nodes."""
    return _ENTRY * facts.usd_per_hour * facts.left_s / 3600.0


def leave_cost_usd(knobs: Sequence[float], facts: Facts) -> float:
    """What it costs to stop a resumable job on owned nodes, so that others take its room: the move out and one home."""
    return 2.0 * knobs[0] * facts.move_s / 3600.0 + facts.move_usd


def steered_value(base: float, over: float) -> float:
    """The value of an hour of waiting where what it steers is `over` of its target: 0.1 is 10% too much.

    Proportional on a log scale: a tenth too much waiting raises the value e-fold, a tenth too little lowers it so. An
    offset stays, by which the value that is needed differs from `base`: a factor of 10 leaves 23%.
    """
    return base * math.exp(min(max(_GAIN * over, -_MOST), _MOST))


@dataclass(frozen=True)
class Marginal:
    """A job bursts when waiting is expected to cost more than renting, and comes home when that saves money.

    One setting: what an hour of one job's waiting is worth. A job waits while owned room is expected before its waiting
    has cost what renting would; if not, it bursts at once, since whoever will burst anyway waits in vain. A resumable
    job on rented nodes is moved to owned ones that are free, where that saves more than the move costs: its pause, at
    the value of waiting, and egress of its checkpoint. Before a job is rented for, resumable jobs on owned nodes give
    way to it if that is cheaper: they wait or burst themselves, and can come home later. Spot or on demand is chosen
    by expected cost, interruptions included.

    Instead of the value, give a `target_mean_wait` or a `monthly_budget`: then it is found anew at each pass, from how
    long the newest 500 jobs and those in the queue have waited, or from what was rented for the newest 500.
    """

    name: ClassVar[str] = "marginal"
    rule = staticmethod(rule)
    home_gain_usd = staticmethod(home_gain_usd)
    entry_gain_usd = staticmethod(entry_gain_usd)
    leave_cost_usd = staticmethod(leave_cost_usd)
    packs_tightly: ClassVar[bool] = True
    value_of_waiting: float = setting(
        "what an hour of one job's waiting is worth, in US dollars: high, and jobs burst soon; low, and they wait",
        default=10.0,
        shown="`10`",
    )
    target_mean_wait: float | str | None = setting(
        "the mean wait to steer for, in seconds or as `5min`; the value is then where steering begins", default=None
    )
    monthly_budget: float | None = setting(
        "US dollars in 30 days to steer the rented work for; a soft limit, hard ones are `budgets`", default=None
    )

    def __post_init__(self) -> None:
        """Raises ValueError that names the setting at fault."""
        _positive("value_of_waiting", self.value_of_waiting, "US dollars an hour")
        if self.target_mean_wait is not None and self.monthly_budget is not None:
            raise ValueError("give one of 'target_mean_wait' and 'monthly_budget', as in target_mean_wait: 5min")
        if self.target_mean_wait is not None:
            object.__setattr__(self, "target_mean_wait", seconds_of(self.target_mean_wait))
        if self.monthly_budget is not None:
            _positive("monthly_budget", self.monthly_budget, "US dollars")

    @property
    def knobs(self) -> tuple[float]:
        """What `rule` takes."""
        return (float(self.value_of_waiting),)

    @property
    def learns(self) -> bool:
        """Only a target or a budget is steered for."""
        return self.target_mean_wait is not None or self.monthly_budget is not None

    def steer(self, past: Sequence[PastWait], waiting: Sequence[PastWait]) -> Policy:
        """The policy with the value that history calls for."""
        over = self._over(past, waiting)
        return Marginal(steered_value(self.value_of_waiting, over)) if over else self

    def _over(self, past: Sequence[PastWait], waiting: Sequence[PastWait]) -> float:
        """By what share the target is exceeded; of a budget, the less is spent the higher."""
        if isinstance(self.target_mean_wait, float) and len(past) >= LEAST_PAST:
            return fmean(w.wait_s + w.start_s for w in (*past, *waiting)) / self.target_mean_wait - 1.0
        span_s = max((w.at for w in past), default=0.0) - min((w.at for w in past), default=0.0)
        if self.monthly_budget is None or len(past) < LEAST_PAST or span_s <= 0.0:
            return 0.0
        spent = sum(w.usd or 0.0 for w in past if w.burst)
        return 1.0 - spent / span_s * _MONTH_S / self.monthly_budget

    def judge(self, job: QueuedJob, context: Context) -> Judgement:
        """Burst if waiting is expected to cost more, else wait."""
        if not context.baseline:
            return _ONLY
        facts = context.facts(job)
        choice, until = rule(self.knobs, facts)
        patience = patience_s(self.value_of_waiting, facts)
        bought = f"which buys {span(patience)} of waiting at {usd(self.value_of_waiting)} an hour"
        text = f"renting would cost {usd(worth_usd(facts))}, {bought}"
        if choice == WAIT:
            said = f"{text}; marginal bursts it at the latest at {clock(until, facts.now)}, or once room is further off"
            return Judgement(burst=False, reason=Reason.WAITS_BASELINE, sentence=said, until=until)
        over = facts.submitted_at + patience <= facts.now
        why = "which is over" if over else f"less than the {_wait(_DOUBT * facts.wait_s)} until owned room is expected"
        return Judgement(burst=True, reason=_BURSTS, sentence=f"{text}, {why}")


def _positive(name: str, value: object, unit: str) -> None:
    if not is_number(value) or value <= 0:
        raise ValueError(f"{name} is {value!r}; write {unit} above 0, as in 10")


def _wait(seconds: float) -> str:
    return span(seconds) if math.isfinite(seconds) else "unknown time"


POLICY = Marginal
