"""Why a job waits: the code and the sentence."""

from __future__ import annotations

from typing import NamedTuple

from . import sentences
from .asks import Ask
from .codes import Reason
from .fit import Fit
from .policies.base import Judgement
from .snapshot import QueuedJob


class Home(NamedTuple):
    """The owned pool that a job waits for: the one with the earliest expected start."""

    fit: Fit
    start_at: float | None


def home_of(ask: Ask) -> Home | None:
    """The owned pool with the earliest expected start, the first one if none is in sight; None if none can run it."""
    home, soonest = None, None
    for fit in ask.baseline:
        start_at = fit.expected_start()
        if home is None or (start_at is not None and (soonest is None or start_at < soonest)):
            home, soonest = fit, start_at
    return None if home is None else Home(home, soonest)


def no_offer(job: QueuedJob, ask: Ask) -> str:
    """Why nothing can be rented for the job now; "" where there is no burst pool at all."""
    if not ask.burst:
        rented = [fit for fit in ask.fits if fit.lane.burst]
        if rented and not job.may_burst:
            return f"team '{job.team}' may not burst"
        return "no burst pool can run it" if rented else ""
    return ", ".join(f"{fit.lane.pool.name} {fit.lane.closed or 'is full'}" for fit in ask.burst)


def without_offer(home: Home | None, ask: Ask, behind: Fit | None, now: float, renting: str) -> tuple[Reason, str]:
    """The job has no owned room, and nothing can be rented for it (`renting` says why)."""
    if home is None:
        return (Reason.NO_ROOM if ask.renters else Reason.POOL_BLOCKED), sentences.waits_at_all(renting)
    text = sentences.waits(home.fit.lane.pool.name, _outlook(home, behind, now), renting)
    if behind is not None:
        return Reason.BEHIND_FIRST, text
    return (Reason.WAITS_BASELINE if ask.starters or ask.renters else Reason.POOL_BLOCKED), text


def with_offer(home: Home | None, behind: Fit | None, now: float, compared: str, judged: Judgement) -> tuple[str, str]:
    """The job has no owned room, and the policy would rather wait than pay (`compared` says how much)."""
    if home is None:
        return judged.reason, sentences.waits_at_all(judged.sentence, compared)
    text = sentences.waits(home.fit.lane.pool.name, _outlook(home, behind, now), compared, judged.sentence)
    return (judged.reason if behind is None else Reason.BEHIND_FIRST), text


def _outlook(home: Home, behind: Fit | None, now: float) -> str:
    """What can be said of the pool that the job waits for."""
    lane = home.fit.lane
    starts = sentences.starts_in(None if home.start_at is None else home.start_at - now)
    if lane.closed:
        return f"it {lane.closed}" if home.start_at is None else f"it {lane.closed}; {starts}"
    if behind is None:
        return starts
    return f"it would fit {behind.lane.pool.name} now but delay {behind.lane.reserved_for}, which is ahead; {starts}"
