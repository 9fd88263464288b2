"""A second policy in the shadow of the first: asked over the same snapshots, beside the loop, and never obeyed."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Iterable, Sequence
from functools import partial

from ..domain.decision import Decision, Verdict
from ..domain.pool import PoolRole
from ..domain.shadow import Difference, Otherwise
from ..placement.place import decide
from ..placement.policies import Policy, policy_settings
from ..placement.snapshot import Snapshot
from .core import Core

log = logging.getLogger(__name__)

KEEP_S = 30 * 86_400.0
MOST_KEPT = 100_000
_FORGET_S = 3600.0


def policy_text(policy: Policy) -> str:
    """A policy with its settings in one line: `threshold(rules=((2, 10.0),))`."""
    settings = {s.name: getattr(policy, s.name) for s in policy_settings(policy.name)}
    return f"{policy.name}({', '.join(f'{name}={value!r}' for name, value in settings.items())})"


class Shadow:
    """Compares what a pass decided with what the other policy would have.

    It sees the world as the live policy has made it, at each comparison anew. A job counts once: from the first time
    that the two part over it until it is placed.
    """

    def __init__(self, core: Core, policy: Policy) -> None:
        self._core = core
        self._policy = policy
        self._burst = frozenset(n for n, runtime in core.pools.items() if runtime.pool.role is PoolRole.BURST)
        self._open: dict[str, Difference] | None = None
        self._placed: list[Decision] = []
        self._asked_at = self._forgot_at = float("-inf")
        self._task: asyncio.Task[None] | None = None

    def see(self, snapshot: Snapshot, decisions: Sequence[Decision]) -> None:
        """Take note of a pass. It is compared if that is due, or if it rents; not while another one still is."""
        placed = [d for d in decisions if d.verdict is Verdict.TAKE]
        self._placed += placed
        due = snapshot.at - self._asked_at >= self._core.settings.shadow_every_s
        if self._task is None and (due or any(d.pool in self._burst for d in placed)):
            self._asked_at = snapshot.at
            self._task = asyncio.create_task(self._run(snapshot, decisions))

    async def idle(self) -> None:
        """Wait until nothing is being compared."""
        while self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def close(self) -> None:
        """Cancel what runs, and wait for it to be gone."""
        if self._task is not None:
            self._task.cancel()
        await self.idle()

    async def _run(self, snapshot: Snapshot, decisions: Sequence[Decision]) -> None:
        try:
            await self._compare(snapshot, decisions)
        except Exception:
            log.exception("the shadow policy could not be asked; the next pass is tried")
        finally:
            self._task = None

    async def _compare(self, snapshot: Snapshot, decisions: Sequence[Decision]) -> None:
        store, db = self._core.store, self._core.db
        if self._open is None:
            await db(store.begin_shadow, policy_text(self._policy), snapshot.at)
            self._open = {d.submission_id: d for d in await db(partial(store.differences, unsettled=True))}
        news = await db(self._news, snapshot, decisions)
        self._open |= {d.submission_id: d for d in news if not d.settled}
        # Also those that a later pass has placed meanwhile
        placed, self._placed = self._placed, []
        known = {d.submission_id: d for d in [*news, *self._settled(placed), *self._left(snapshot, decisions)]}
        await db(store.note_differences, [*known.values()])
        if snapshot.at - self._forgot_at >= _FORGET_S:
            self._forgot_at = snapshot.at
            await db(store.forget_differences, snapshot.at - KEEP_S, MOST_KEPT)

    def _news(self, snapshot: Snapshot, decisions: Sequence[Decision]) -> list[Difference]:
        """Ask the other policy, and compare: for a long queue that takes a while, so it is done beside the loop."""
        others = {d.submission_id: d for d in decide(snapshot, self._policy)}
        teams = {job.submission_id: job.team for job in snapshot.jobs}
        return [d for live in decisions if (d := self._parted(live, others, teams)) is not None]

    def _parted(self, live: Decision, others: dict[str, Decision], teams: dict[str, str]) -> Difference | None:
        """The difference between the two decisions about a job that is not known to be treated otherwise already."""
        other, open_ = others.get(live.submission_id), self._open or {}
        if other is None or live.submission_id in open_:
            return None
        kind = self._kind(live, other)
        if kind is None:
            return None
        return Difference(
            submission_id=live.submission_id,
            team=teams[live.submission_id],
            at=live.at,
            kind=kind,
            pool=other.pool or "",
            usd=self._rent_usd(other) - self._rent_usd(live),
            wait_s=_later_s(other.expected_start_at, live.expected_start_at),
            starts_at=other.expected_start_at,
            settled=live.verdict is Verdict.TAKE,
            sentence=other.sentence,
        )

    def _kind(self, live: Decision, other: Decision) -> Otherwise | None:
        rents, would_rent = self._rents(live), self._rents(other)
        if would_rent and live.verdict is Verdict.WAIT:
            return Otherwise.RENTS
        if rents and other.verdict is Verdict.WAIT:
            return Otherwise.KEEPS
        if rents and would_rent and _where(live) != _where(other):
            return Otherwise.ELSEWHERE
        return None

    def _settled(self, placed: Iterable[Decision]) -> list[Difference]:
        """Jobs that have been placed since the other policy would have rented for them: what that came to."""
        open_ = self._open or {}
        found = []
        for live in placed:
            before = open_.pop(live.submission_id, None)
            if before is not None:
                rented = self._rents(live)
                kind = Otherwise.SOONER if rented else Otherwise.RENTS
                usd = before.usd - self._rent_usd(live)
                wait_s = _later_s(before.starts_at, live.expected_start_at)
                found.append(dataclasses.replace(before, kind=kind, usd=usd, wait_s=wait_s, settled=True))
        return found

    def _left(self, snapshot: Snapshot, decisions: Sequence[Decision]) -> list[Difference]:
        """Jobs that have left the queue without being placed: what was expected of them stays."""
        open_ = self._open or {}
        there = {job.submission_id for job in snapshot.jobs} | {d.submission_id for d in decisions} if open_ else set()
        return [dataclasses.replace(open_.pop(name), settled=True) for name in [*open_] if name not in there]

    def _rents(self, decision: Decision) -> bool:
        return decision.verdict is Verdict.TAKE and decision.pool in self._burst

    def _rent_usd(self, decision: Decision) -> float:
        if not self._rents(decision):
            return 0.0
        return next((offer.cost_usd or 0.0 for offer in decision.offers if offer.chosen), 0.0)


def _where(decision: Decision) -> tuple[str | None, str | None, str | None]:
    return decision.pool, decision.node_type, decision.market


def _later_s(start_at: float | None, than: float | None) -> float | None:
    return None if start_at is None or than is None else start_at - than
