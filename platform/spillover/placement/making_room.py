"""Resumable jobs on an owned pool that give way to one that could not come home later."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from ..domain.decision import Decision, Verdict
from . import sentences
from .asks import Asks
from .capacity import Hold
from .codes import Reason
from .facts_for import facts_for
from .fit import Fit
from .packing import Free, add
from .policies.base import Mover, Policy, mover
from .policies.facts import Facts
from .snapshot import LiveWork, QueuedJob, Snapshot


class Leaver(NamedTuple):
    """A running job that may be stopped, and what it holds."""

    work: LiveWork
    hold: Hold

    @property
    def held(self) -> float:
        """How much that is, over all resources: a measure for the order in which they are tried."""
        return sum(amount for _, need in self.hold.takes for name, amount in need if name != "memory")


class Yielding:
    """One pass: who gives way to whom. `decisions` are to MOVE those that do."""

    def __init__(self, policy: Mover, snapshot: Snapshot, asks: Asks) -> None:
        self.decisions: list[Decision] = []
        self._policy = policy
        self._snapshot = snapshot
        self._asks = asks
        self._gone: set[str] = set()

    def to(self, job: QueuedJob, home: Fit, facts: Facts) -> str:
        """Let jobs on its owned pool give way to it, where that costs less than renting for it saves.

        Returns what is said of it, or "" if nobody does.
        """
        leavers = who_leaves(home, self._gone)
        gain = self._policy.entry_gain_usd(self._policy.knobs, facts)
        cost = sum(self._policy.leave_cost_usd(self._policy.knobs, self._facts(leaver, home)) for leaver in leavers)
        if not leavers or cost >= gain:
            return ""
        names = [leaver.work.submission_id for leaver in leavers]
        self._gone.update(names)
        self.decisions += [self._gives_way(name, job, gain, cost) for name in names]
        return sentences.room_is_made(", ".join(names), gain, cost)

    def _facts(self, leaver: Leaver, home: Fit) -> Facts:
        left = as_left(leaver.work, self._snapshot.at)
        ask = self._asks.of(left)
        fit = next(iter(ask.burst), home)
        at, terms = self._snapshot.at, self._snapshot.terms
        return facts_for(left, ask, fit, None, at, wait_s=None, ahead=0, terms=terms)

    def _gives_way(self, name: str, job: QueuedJob, gain: float, cost: float) -> Decision:
        text = sentences.gives_way(job.submission_id, gain, cost)
        return Decision(name, self._snapshot.at, Verdict.MOVE, text, str(Reason.GIVES_WAY), self._policy.name)


def yielding(policy: Policy, snapshot: Snapshot, asks: Asks) -> Yielding | None:
    """For a policy that moves work; None for the others."""
    moving = mover(policy)
    return Yielding(moving, snapshot, asks) if moving else None


def as_left(work: LiveWork, now: float) -> QueuedJob:
    """A running job as it would queue, with the run time that it still takes. Raises ValueError if it may not move."""
    if work.movable is None:
        raise ValueError(f"job '{work.submission_id}' may not be moved")
    return replace(work.movable, runtime_s=max(work.ends_at - now, 1.0), forecast=None)


def who_leaves(fit: Fit, but: Container[str]) -> tuple[Leaver, ...]:
    """The fewest that make room for one more job of this kind on its pool, the smallest if one will do; () if none can.

    `but` are submission ids of those that may not be asked.
    """
    lane = fit.lane
    pairs = zip(lane.view.work, lane.rooms.holds, strict=True)
    could = [Leaver(work, hold) for work, hold in pairs if work.movable and work.submission_id not in but]
    could.sort(key=lambda leaver: leaver.held)
    for leaver in could:
        if _fits_without(fit, (leaver,)):
            return (leaver,)
    enough = next((many for many in _more_and_more(could) if _fits_without(fit, many)), ())
    return _pruned(fit, enough)


def _more_and_more(could: Sequence[Leaver]) -> Iterator[tuple[Leaver, ...]]:
    """The two largest, the three largest, and so on."""
    largest = tuple(reversed(could))
    return (largest[:count] for count in range(2, len(largest) + 1))


def _pruned(fit: Fit, leavers: tuple[Leaver, ...]) -> tuple[Leaver, ...]:
    """Without those that are not needed once the others go."""
    for leaver in leavers:
        fewer = tuple(other for other in leavers if other is not leaver)
        if fewer and _fits_without(fit, fewer):
            leavers = fewer
    return leavers


def _fits_without(fit: Fit, leavers: Sequence[Leaver]) -> bool:
    frees: list[Free] = [dict(free) for free in fit.lane.rooms.frees]
    for leaver in leavers:
        for index, need in leaver.hold.takes:
            add(frees[index], need)
    return fit.pack(frees) is not None
