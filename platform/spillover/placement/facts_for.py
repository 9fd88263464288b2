"""The facts that policies decide by, from what a pass knows of a job and of its ways to run."""

from __future__ import annotations

import math
from collections.abc import Iterable

from ..domain.pool import Market
from ..domain.terms import Terms
from .asks import Ask
from .fit import Fit, Quote
from .interruptions import checkpoint_gb
from .policies.facts import Facts
from .snapshot import QueuedJob

_HOUR_S = 3600.0


def facts_for(
    job: QueuedJob,
    ask: Ask,
    fit: Fit,
    quote: Quote | None,
    now: float,
    *,
    wait_s: float | None,
    ahead: int,
    terms: Terms,
) -> Facts:
    """What a policy is told of a job: `fit` and `quote` are how it would be rented for, None if that is not the
    question.

    `wait_s` is until owned room is expected, None if none is in sight.
    """
    rate = ask.on_demand_usd_per_hour()
    spot = _cheapest_spot(fit for fit in ask.renters)
    per_hour = rate if rate is not None else _per_hour(quote)
    return Facts(
        now=now,
        submitted_at=max(job.submitted_at, job.not_before),
        accelerators=ask.total.get("GPU", 0.0) or ask.total.get("CPU", 0.0),
        usd_per_hour=per_hour,
        spot_usd_per_hour=_per_hour(spot[1]) if spot else math.inf,
        once_usd=quote.price.fixed_usd if quote else 0.0,
        startup_s=quote.delay_s if quote else fit.lane.pool.startup_s,
        left_s=job.runtime_s,
        median_s=job.median_s,
        safe_s=job.high_s,
        wait_s=math.inf if wait_s is None else wait_s,
        ahead=float(ahead),
        resumable=1.0 if job.hints.resumable else 0.0,
        move_s=terms.move_s,
        move_usd=checkpoint_gb(ask.total, terms) * fit.lane.pool.egress_usd_per_gb,
        lost_s=terms.checkpoint_every_s / 2.0 + terms.restart_s,
        interruptions_per_hour=_stops_per_hour(spot[1]) if spot else 0.0,
        deadline_at=math.inf if job.hints.deadline_at is None else job.hints.deadline_at,
        done_s=0.0,
    )


def _per_hour(quote: Quote | None) -> float:
    return quote.price.usd_per_s * _HOUR_S if quote else 0.0


def _stops_per_hour(quote: Quote) -> float:
    return quote.price.stops.per_s * _HOUR_S


def _cheapest_spot(fits: Iterable[Fit]) -> tuple[Fit, Quote] | None:
    found = [(fit, quote) for fit in fits for quote in fit.quotes() if quote.market == Market.SPOT.value]
    return min(found, key=lambda pair: pair[1].price.usd_per_s, default=None)
