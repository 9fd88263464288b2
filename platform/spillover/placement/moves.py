"""Which running jobs should come home: from rented nodes to owned room that nobody in the queue takes."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from ..domain.decision import Decision, Verdict
from ..domain.pool import PoolRole
from . import sentences
from .asks import Asks
from .codes import Reason
from .facts_for import facts_for
from .lane import Lane
from .making_room import as_left
from .place import decide
from .policies.base import Mover, Policy, mover
from .snapshot import QueuedJob, Snapshot

_LAST = -(10**9)
"""The priority at which those that run are offered room: after all that wait."""


def moves(snapshot: Snapshot, policy: Policy) -> tuple[Decision, ...]:
    """A decision to MOVE for each job on rented nodes that saves more at home than the move costs, and has room there.

    Those that save most are offered room first. Pure: the same snapshot and policy give the same decisions.
    """
    moving = mover(policy)
    if moving is None:
        return ()
    savings = _savings(snapshot, moving)
    if not savings:
        return ()
    order = sorted(savings, key=lambda name: -savings[name].gain_usd)
    asking = [
        replace(savings[name].job, priority=_LAST - place, submitted_at=snapshot.at, may_burst=False)
        for place, name in enumerate(order)
    ]
    decisions = decide(replace(snapshot, jobs=(*snapshot.jobs, *asking)), policy)
    owned = {view.pool.name for view in snapshot.pools if view.pool.role is not PoolRole.BURST}
    found = [d for d in decisions if d.verdict is Verdict.TAKE and d.submission_id in savings and d.pool in owned]
    return tuple(_move(decision, savings[decision.submission_id], snapshot.at) for decision in found)


def _move(decision: Decision, saves: _Saving, now: float) -> Decision:
    return Decision(
        submission_id=decision.submission_id,
        at=now,
        verdict=Verdict.MOVE,
        sentence=sentences.comes_home(decision.pool or "", saves.rent_usd, saves.rent_usd - saves.gain_usd),
        reason=str(Reason.COMES_HOME),
        policy=decision.policy,
        pool=decision.pool,
        node_type=decision.node_type,
        market=decision.market,
    )


class _Saving(NamedTuple):
    """A job on rented nodes as it would queue, what its nodes still cost, and what it saves at home less the move."""

    job: QueuedJob
    rent_usd: float
    gain_usd: float


def _savings(snapshot: Snapshot, policy: Mover) -> dict[str, _Saving]:
    """By job on rented nodes that would save something at home."""
    lanes = [Lane(view, snapshot.at, snapshot.terms) for view in snapshot.pools]
    asks, found = Asks(lanes), {}
    for lane in lanes:
        for work in lane.view.work if lane.burst else ():
            if work.movable is None:
                continue
            saving = _saving(as_left(work, snapshot.at), lane, asks, snapshot, policy)
            if saving.gain_usd > 0 and asks.of(saving.job).baseline:
                found[work.submission_id] = saving
    return found


def _saving(job: QueuedJob, lane: Lane, asks: Asks, snapshot: Snapshot, policy: Mover) -> _Saving:
    ask = asks.of(job)
    fit = next(fit for fit in ask.fits if fit.lane is lane)
    facts = facts_for(job, ask, fit, None, snapshot.at, wait_s=0.0, ahead=0, terms=snapshot.terms)
    rent_usd = facts.usd_per_hour * facts.left_s / 3600.0
    return _Saving(job, rent_usd, policy.home_gain_usd(policy.knobs, facts))
