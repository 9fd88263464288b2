"""Why a job is where it is, and what would become of one that nobody has submitted: the same offers for both."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..domain.access import Caller
from ..domain.answers import EventView, Explanation, Likely, OfferView, Part, Quote
from ..domain.decision import Decision, Offer
from ..domain.job import Job, JobStatus, SubmitRequest
from ..domain.money import NANOS
from ..placement.place import decision_for
from ..placement.queue_wait import WaitSpread, wait_spread
from ..placement.snapshot import QueuedJob
from .core import Core
from .intake import Intake
from .job_views import JobViews, attempt_views, decision_view
from .passes import Passes
from .shadow_report import ShadowReports

_QUOTED = "this job"  # how sentences call what has no submission id yet


class Explaining:
    """Asks placement and the store, and changes nothing."""

    def __init__(self, core: Core, passes: Passes, intake: Intake, views: JobViews, shadow: ShadowReports) -> None:
        self._core = core
        self._passes = passes
        self._intake = intake
        self._views = views
        self._shadow = shadow

    async def explain(self, job: Job) -> Explanation:
        """Everything that was decided about a job, and every offer with its numbers."""
        store, db = self._core.store, self._core.db
        attempts = await db(store.attempts, job.submission_id)
        decisions = await db(store.decisions, job.submission_id)
        events = await db(store.events, job.submission_id)
        cost = await db(store.job_cost_nanos, job.submission_id) / NANOS
        return Explanation(
            job=self._views.facts(job, attempts[-1] if attempts else None, cost),
            decisions=tuple(decision_view(d) for d in decisions),
            offers=offer_views(await self._offers(job, decisions)),
            attempts=attempt_views(attempts),
            events=tuple(EventView(e.at, e.actor, e.subject, e.text) for e in events),
            shadow=await self._shadow.of(job.submission_id),
            runs=None if job.status.final else _runs(await self._passes.queued(job)),
        )

    async def _offers(self, job: Job, decisions: Sequence[Decision]) -> Sequence[Offer]:
        """The offers of the decision that placed the job; for one that waits, those of this moment."""
        if job.status is JobStatus.QUEUED:
            return (await self._decide(job)).offers
        return next((d.offers for d in reversed(decisions) if d.offers), ())

    async def _decide(self, job: Job) -> Decision:
        snapshot = await self._passes.snapshot()
        queued = next((q for q in snapshot.jobs if q.submission_id == job.submission_id), None)
        queued = queued or await self._passes.queued(job)
        return await self._core.db(decision_for, queued, snapshot, self._core.policy)

    async def quote(self, caller: Caller, request: SubmitRequest) -> Quote:
        """What would be decided if this were submitted now. Raises BadRequest, Forbidden."""
        job = await self._intake.draft(caller, _QUOTED, request)
        queued, snapshot = await self._passes.queued(job), await self._passes.snapshot()
        decision = await self._core.db(decision_for, queued, snapshot, self._core.policy)
        waits = await self._core.db(wait_spread, queued, snapshot, self._core.policy)
        start_at = decision.expected_start_at
        return Quote(
            demand=str(job.demand),
            demand_source=job.demand_source,
            team=job.team,
            runtime_s=queued.runtime_s,
            runtime_source=queued.runtime_source,
            verdict=decision.verdict.value,
            sentence=decision.sentence,
            reason=decision.reason,
            policy=decision.policy,
            as_of=decision.at,
            pool=decision.pool,
            wait_s=None if start_at is None else max(0.0, start_at - decision.at),
            until=decision.until,
            cost_usd=_cost(decision),
            offers=offer_views(decision.offers),
            runs=_runs(queued),
            waits=_waits(waits, decision),
        )


def _runs(job: QueuedJob) -> Likely:
    return Likely(job.runtime_s, job.low_s, job.median_s, job.high_s, job.runtime_source)


def _waits(spread: WaitSpread, decision: Decision) -> Likely:
    start_at = decision.expected_start_at
    mean_s = None if start_at is None else max(0.0, start_at - decision.at)
    low, median, high = (None if math.isinf(s) else s for s in spread)
    return Likely(mean_s, low, median, high, "the queue, played forward")


def _cost(decision: Decision) -> float | None:
    """That of the chosen offer; for a job that waits, the least of those with a start in sight."""
    chosen = [o for o in decision.offers if o.chosen]
    owned = [o for o in decision.offers if o.market == "owned" and o.start_delay_s is not None]
    return min((o.cost_usd for o in chosen or owned if o.cost_usd is not None), default=None)


def offer_views(offers: Sequence[Offer]) -> tuple[OfferView, ...]:
    """All offers; of those that could be taken now, the cheapest and the soonest are marked."""
    able = [o for o in offers if not o.out]
    cheapest = min(able, key=lambda o: (o.cost_usd or 0.0, o.start_delay_s or 0.0), default=None)
    soonest = min(able, key=lambda o: (o.start_delay_s or 0.0, o.cost_usd or 0.0), default=None)
    return tuple(_view(o, cheapest=o is cheapest, soonest=o is soonest) for o in offers)


def _view(offer: Offer, *, cheapest: bool, soonest: bool) -> OfferView:
    parts = tuple(Part(str(p.kind), p.usd, p.time_s, p.text) for p in offer.parts)
    known: dict[str, Any] = {**offer._asdict(), "parts": parts}
    return OfferView(**known, cheapest=cheapest, soonest=soonest)
