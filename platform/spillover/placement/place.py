"""decide(snapshot, policy): for every queued job, run it now and where, or wait and why.

The jobs are taken in order. A job that fits an owned pool now, without delaying the first one blocked there, starts.
Any other is shown to the policy with the cheapest rented offer, and bursts or waits. Room that a job takes is gone
for those after it.
"""

from __future__ import annotations

import gc
import heapq
from bisect import insort
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from ..domain.data import Data
from ..domain.decision import Decision, Offer, Verdict
from . import sentences
from .asks import Ask, Asks
from .codes import Reason
from .eligibility import refusals
from .facts_for import facts_for
from .fit import Fit, Quote, cheapest, worthwhile
from .lane import Lane
from .making_room import yielding
from .offers import all_offers, offer_of
from .ordering import by_submit, grand_total, held_shares, in_order
from .policies.base import Context, Judgement, Policy, learner
from .policies.facts import Facts
from .snapshot import PAST_JOBS, PastWait, QueuedJob, Snapshot
from .waiting import Home, home_of, no_offer, with_offer, without_offer

__all__ = ["decide", "decision_for", "refusals"]


def decide(snapshot: Snapshot, policy: Policy, *, explain: Container[str] = ()) -> tuple[Decision, ...]:
    """One decision for each queued job: first those that are in turn, in that order, then those held back.

    After these, a decision to MOVE for each running job that shall give way to one in the queue.
    Pure: the same snapshot and policy give the same decisions. All offers are listed for jobs that are placed and for
    those whose submission id is in `explain`.
    """
    with _garbage_kept():
        return _Pass(snapshot, policy, explain).run()


@contextmanager
def _garbage_kept() -> Iterator[None]:
    """A pass makes tens of thousands of tuples and no cycles: looking them through takes up to a third of its time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def decision_for(job: QueuedJob, snapshot: Snapshot, policy: Policy) -> Decision:
    """What is decided about this job at its turn in the queue, in which it need not be yet, with all offers listed."""
    jobs = tuple(other for other in snapshot.jobs if other.submission_id != job.submission_id)
    decisions = decide(replace(snapshot, jobs=(*jobs, job)), policy, explain=(job.submission_id,))
    return next(d for d in decisions if d.submission_id == job.submission_id)


class _Choice(NamedTuple):
    """One way to run a job now, at its price; for a rented one also what waiting costs, and both compared in words."""

    fit: Fit
    quote: Quote
    offer: Offer
    baseline_cost_usd: float | None = None
    compared: str = ""


def _ways_to_rent(ask: Ask, *, fetching: bool) -> dict[Quote, Fit]:
    """The rented offers of which one is the cheapest, whatever the run time, and whatever the job has to fetch."""
    ways = {quote: fit for fit in ask.renters for quote in fit.quotes()}
    return ways if fetching else {quote: ways[quote] for quote in worthwhile(ways)}


def _cheapest_way(ways: dict[Quote, Fit], job: QueuedJob, home: Home | None) -> _Choice:
    runtime_s, data = job.runtime_s, job.hints.data
    if data is not None:
        ways = {fit.fetching(quote, data): fit for quote, fit in ways.items()}
    quote = cheapest([*ways], runtime_s)
    fit = ways[quote]
    offer = offer_of(quote, fit.lane.pool.name, runtime_s)
    cost = home.fit.idle_cost(runtime_s, data) if home else None
    return _Choice(fit, quote, offer, cost, sentences.dearer(offer, cost))


class _Pass:
    """One run through the queue."""

    def __init__(self, snapshot: Snapshot, policy: Policy, explain: Container[str]) -> None:
        self._snapshot = snapshot
        self._now = snapshot.at
        self._policy = policy
        self._explain = explain
        self._asks = Asks([Lane(view, snapshot.at, snapshot.terms) for view in snapshot.pools])
        self._ask: dict[str, Ask] = {}
        self._same: dict[tuple[int, int, bool | str], Ask] = {}
        self._ahead: list[float] = []
        self._ways: dict[tuple[Ask, bool], dict[Quote, Fit]] = {}
        self._rented: dict[tuple[Ask, Fit | None, float, Data | None], _Choice | None] = {}
        self._nothing: dict[Ask, str] = {}
        self._yielding = yielding(policy, snapshot, self._asks)

    def run(self) -> tuple[Decision, ...]:
        """Decide for all jobs."""
        turns, held = [], []
        for job in self._snapshot.jobs:
            self._ask[job.submission_id] = ask = self._ask_of(job)
            if job.not_before > self._now or ask.hopeless:
                held.append(self._hold_back(job, ask))
            else:
                turns.append(job)
        if steered := learner(self._policy):
            self._policy = steered.steer(self._snapshot.past, self._waits(turns))
        decided = [self._decide(job) for job in self._in_order(turns)]
        return (*decided, *held, *(self._yielding.decisions if self._yielding else ()))

    def _ask_of(self, job: QueuedJob) -> Ask:
        """What the job asks, by identity where it can be: hashing ten thousand equal demands takes long.

        The snapshot keeps demands and hints alive during a pass, so that their ids are theirs alone.
        """
        same = (id(job.demand), id(job.hints), job.may_burst or job.team)
        ask = self._same.get(same)
        if ask is None:
            ask = self._same[same] = self._asks.of(job)
        return ask

    def _waits(self, jobs: Sequence[QueuedJob]) -> list[PastWait]:
        """How long those have waited so far that wait longest."""
        oldest = ((job, self._ask[job.submission_id]) for job in heapq.nsmallest(PAST_JOBS, jobs, key=by_submit))
        return [PastWait(ask.on_demand_usd(job.runtime_s), self._now - job.submitted_at) for job, ask in oldest]

    def _in_order(self, jobs: list[QueuedJob]) -> list[QueuedJob]:
        total = grand_total(self._snapshot.pools)
        shares = {ask: ask.total.dominant_share(total) for ask in self._asks}
        held = held_shares(self._snapshot.pools, total)
        return in_order(jobs, held, lambda job: shares[self._ask[job.submission_id]])

    def _hold_back(self, job: QueuedJob, ask: Ask) -> Decision:
        """Jobs that are not in turn: they take no room and are not counted as waiting for it."""
        if job.not_before > self._now:
            at = sentences.clock(job.not_before, self._now)
            why = "it was stopped to make room" if job.moved else "its last attempt was lost"
            text = sentences.waits_at_all(f"{why}, and the next one is due at {at}")
            return self._wait(job, Reason.BACKOFF, text, job.not_before, offers=self._offers(job))
        text = sentences.waits_at_all("no pool can run it", *(fit.why for fit in ask.fits))
        return self._wait(job, Reason.NEVER_FITS, text, offers=self._offers(job))

    def _offers(self, job: QueuedJob) -> tuple[Offer, ...]:
        """All offers, if somebody asked."""
        return all_offers(job, self._ask[job.submission_id]) if job.submission_id in self._explain else ()

    def _decide(self, job: QueuedJob) -> Decision:
        ask = self._ask[job.submission_id]
        owned = None if ask.full else self._owned(job, ask)
        if owned is not None:
            return self._take(job, ask, owned, Reason.FITS_BASELINE, sentences.runs_now(job, owned.offer))
        home = home_of(ask)
        rented = self._cheapest_rented(job, ask, home) if ask.renters else None
        # Room that is free but refused: `start_now` marks every pool without room as full.
        behind = None if ask.full else next(fit for fit in ask.starters if not fit.full)
        if rented is None:
            reason, text = without_offer(home, ask, behind, self._now, self._no_offer(job, ask))
            return self._queue(job, home, reason, text, None)
        judged = self._policy.judge(job, self._context(ask, rented, home))
        if judged.burst:
            made = self._make_room(job, ask, rented, home) if self._yielding and home else None
            return made or self._burst(job, ask, self._on(judged.market, job, ask, home) or rented, judged)
        code, text = with_offer(home, behind, self._now, rented.compared, judged)
        return self._queue(job, home, code, text, judged.until)

    def _owned(self, job: QueuedJob, ask: Ask) -> _Choice | None:
        """The cheapest owned way to start now; the pool named first in the settings decides between equals."""
        found = [(fit, q) for fit in ask.starters if not fit.full and (q := fit.start_now(job.runtime_s))]
        if not found:
            ask.full = all(fit.full for fit in ask.starters)
            return None
        if job.hints.data is not None:
            found = [(fit, fit.fetching(quote, job.hints.data)) for fit, quote in found]
        fit, quote = min(found, key=lambda f: f[1].price.cost(job.runtime_s))
        return _Choice(fit, quote, offer_of(quote, fit.lane.pool.name, job.runtime_s))

    def _cheapest_rented(self, job: QueuedJob, ask: Ask, home: Home | None) -> _Choice | None:
        """The same for all jobs of a kind, run time, data and home, until somebody rents."""
        key = (ask, home.fit if home else None, job.runtime_s, job.hints.data)
        if key not in self._rented:
            ways = self._ways_of(ask, fetching=job.hints.data is not None)
            self._rented[key] = _cheapest_way(ways, job, home) if ways else None
        return self._rented[key]

    def _ways_of(self, ask: Ask, *, fetching: bool) -> dict[Quote, Fit]:
        key = (ask, fetching)
        if key not in self._ways:
            self._ways[key] = _ways_to_rent(ask, fetching=fetching)
        return self._ways[key]

    def _context(self, ask: Ask, rented: _Choice, home: Home | None) -> Context:
        known = partial(self._facts, ask, rented, home)
        if home is None:
            return Context(self._now, rented.offer, None, None, self._ahead, baseline=False, known=known)
        wait_s = None if home.start_at is None else home.start_at - self._now
        rate = ask.on_demand_usd_per_hour
        cost = rented.baseline_cost_usd
        return Context(self._now, rented.offer, wait_s, cost, self._ahead, True, rate, known)  # noqa: FBT003

    def _facts(self, ask: Ask, rented: _Choice, home: Home | None, job: QueuedJob) -> Facts:
        wait_s = None if home is None or home.start_at is None else home.start_at - self._now
        fit, quote, terms = rented.fit, rented.quote, self._snapshot.terms
        return facts_for(job, ask, fit, quote, self._now, wait_s=wait_s, ahead=len(self._ahead), terms=terms)

    def _make_room(self, job: QueuedJob, ask: Ask, rented: _Choice, home: Home) -> Decision | None:
        """The job waits where others give way to it: the next pass sees them stop, and so its room near."""
        if self._yielding is None or home.fit.lane.closed or job.moved:
            return None
        text = self._yielding.to(job, home.fit, self._facts(ask, rented, home, job))
        return self._queue(job, home, Reason.ROOM_IS_MADE, text, None) if text else None

    def _no_offer(self, job: QueuedJob, ask: Ask) -> str:
        if ask not in self._nothing:
            self._nothing[ask] = no_offer(job, ask)
        return self._nothing[ask]

    def _on(self, market: str, job: QueuedJob, ask: Ask, home: Home | None) -> _Choice | None:
        """The cheapest offer of that market, if a policy insists on one and there is any."""
        if not market:
            return None
        ways = self._ways_of(ask, fetching=True)
        ways = {quote: fit for quote, fit in ways.items() if quote.market == market}
        return _cheapest_way(ways, job, home) if ways else None

    def _burst(self, job: QueuedJob, ask: Ask, rented: _Choice, judged: Judgement) -> Decision:
        text = sentences.bursts(job, rented.offer, judged.sentence)
        self._ways.clear()
        self._rented.clear()
        self._nothing.clear()
        return self._take(job, ask, rented, judged.reason, text)

    def _take(self, job: QueuedJob, ask: Ask, choice: _Choice, reason: str, text: str) -> Decision:
        offer = choice.offer
        offers = all_offers(job, ask, (choice.fit, choice.quote))
        choice.fit.lane.take(choice.quote.plan, job.runtime_s)
        return Decision(
            submission_id=job.submission_id,
            at=self._now,
            verdict=Verdict.TAKE,
            sentence=text,
            reason=str(reason),
            policy=self._policy.name,
            pool=offer.pool,
            node_type=offer.node_type,
            market=offer.market,
            expected_start_at=self._now + choice.quote.delay_s,
            offers=offers,
        )

    def _queue(self, job: QueuedJob, home: Home | None, reason: str, text: str, until: float | None) -> Decision:
        """The job waits, ahead of those after it."""
        offers = self._offers(job)
        insort(self._ahead, job.submitted_at)
        start_at = None
        if home is not None:
            start_at = home.start_at
            home.fit.wait(job)
        return self._wait(job, reason, text, until, start_at, offers)

    def _wait(  # called 10,000 times in a pass, and names cost time
        self,
        job: QueuedJob,
        reason: str,
        text: str,
        until: float | None = None,
        start_at: float | None = None,
        offers: tuple[Offer, ...] = (),
    ) -> Decision:
        name, now = self._policy.name, self._now
        return Decision(
            job.submission_id, now, Verdict.WAIT, text, str(reason), name, None, None, None, until, start_at, offers
        )
