"""Runs the meters: keeps the list of nodes that cost money, and books what they cost."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from ..domain.job import JobStatus
from ..domain.money import PaidNode
from ..domain.pool import PoolKind, PoolState, PoolStatus
from ..domain.provider import Listing
from ..errors import PoolError
from ..placement.snapshot import PoolView, Snapshot
from ..ports import Db, Launcher, Store
from .catching_up import as_held, catch_up
from .meter import ENDED, Account, meter, new_nodes, vanished
from .rented import by_machine, ends, fresh, shown, with_reclaims
from .reversal import reversals

log = logging.getLogger(__name__)

_ASK_PROVIDER_S = 10.0

Accounts = Mapping[str, Account]
Listings = Mapping[str, Callable[[], Listing | None]]
"""What each rented pool's provider listed last; None if it has not answered since the start."""


class Metering:
    """Books spend from snapshots."""

    def __init__(
        self, store: Store, db: Db, launchers: Mapping[str, Launcher | None], listings: Listings | None = None
    ) -> None:
        self._store = store
        self._db = db
        self._launchers = launchers
        self._listings = listings or {}
        self._asked: dict[str, float] = {}
        self._before: dict[str, tuple[PoolView, Accounts]] = {}
        self._looked: set[str] = set()

    async def run(self, snapshot: Snapshot) -> None:
        """Advance all meters to the snapshot's instant.

        What was spent since the last time is booked on those who held the nodes then. Who holds them now pays from
        now on: so this must run whenever that changes. After a start, what was spent while nobody looked is booked by
        what the store and the first looks say, once these have come.
        """
        store, db = self._store, self._db
        states = await db(store.pool_states)
        known = await db(store.open_nodes)
        active = [JobStatus.STARTING, JobStatus.RUNNING, JobStatus.UNREACHABLE]
        accounts = {j.submission_id: Account(j.team, j.user) for j in await db(store.jobs, active)}
        for view in snapshot.pools:
            if view.pool.name in self._listings:
                await self._run_rented(view, known, accounts, snapshot.at)
                continue
            state = states.get(view.pool.name) or PoolState(view.pool.name)
            nodes = [n for n in known if n.pool == view.pool.name]
            new = new_nodes(view, state, nodes, snapshot.at)
            if nodes and self._must_wait(view):
                await db(store.record_spend, new, [])
            else:
                nodes = await self._mark_gone(view, state, [*nodes, *new], snapshot.at)
                await self._book(view, nodes, accounts, snapshot.at)

    async def _run_rented(self, view: PoolView, known: Sequence[PaidNode], accounts: Accounts, now: float) -> None:
        """A pool whose machines are known from their provider: it says when each began and ended to cost money."""
        listing, name = self._listings[view.pool.name](), view.pool.name
        if listing is None:
            return
        ids = [machine.id for machine in listing.of(name)]
        metered = await self._db(self._store.known_nodes, name, ids)
        nodes = with_reclaims([*(n for n in known if n.pool == name), *fresh(view.pool, listing, metered)], listing)
        view = by_machine(view, listing)
        if nodes and self._must_wait(view):
            await self._db(self._store.record_spend, [n for n in nodes if n.node_id not in metered], [])
            return
        over = ends(nodes, listing, now)
        late = [n for n in nodes if over.get(n.node_id, now) < n.metered_until]
        for node in late:
            await self._take_back(node, over[node.node_id])
        on_time = [replace(n, gone_at=over.get(n.node_id)) for n in nodes if n not in late]
        silent = [n for n in on_time if n.gone_at is not None and n not in shown(on_time, listing)]
        await self._db(self._store.record_spend, silent, [])
        await self._book(view, shown(on_time, listing), accounts, now)

    async def _take_back(self, node: PaidNode, ended_at: float) -> None:
        """The provider tells late that a node has ended: what was booked since is booked back."""
        entries = await self._db(self._store.node_entries, node.pool, node.node_id, node.since)
        back = reversals(entries, node.price_usd_per_hour, ended_at)
        ended = replace(node, metered_until=ended_at, gone_at=ended_at)
        await self._db(self._store.record_spend, [ended], back)

    def _must_wait(self, view: PoolView) -> bool:
        """Whether a pool has not been looked at since the start.

        After the first look it waits once more: that its jobs have ended meanwhile is known a little later.
        """
        name = view.pool.name
        if name in self._before or name in self._looked:
            return False
        if view.nodes or view.status is not PoolStatus.UP:
            self._looked.add(name)
        return True

    async def _book(self, view: PoolView, nodes: Sequence[PaidNode], accounts: Accounts, now: float) -> None:
        store, db = self._store, self._db
        before = self._before.get(view.pool.name)
        held = as_held(view, nodes)
        self._before[view.pool.name] = held, accounts
        if nodes and before:
            await db(store.record_spend, *meter(before[0], nodes, {**accounts, **before[1]}, now))
        elif nodes:
            past = await db(store.past_jobs, min(n.metered_until for n in nodes), now)
            placed = {a.submission_id: a.committed_at for a in await db(store.live_attempts)}
            await db(store.record_spend, *catch_up(held, nodes, accounts, placed, past.jobs, now))

    async def _mark_gone(
        self, view: PoolView, state: PoolState, nodes: Sequence[PaidNode], now: float
    ) -> list[PaidNode]:
        missing = vanished(view, state, nodes)
        gone: set[str] = set()
        ended = view.pool.kind is PoolKind.LAUNCHED and state.status in ENDED
        if ended:
            gone = {n.node_id for n in missing}  # the provider has said so: only then is a pool down
        elif missing and view.pool.kind is PoolKind.ATTACHED:
            gone = {n.node_id for n in missing}  # its own cluster is the only one to ask
        elif missing:
            gone = await self._confirmed(view, missing, now)
        at = min(now, state.since) if ended else now
        return [replace(n, gone_at=max(at, n.metered_until)) if n.node_id in gone else n for n in nodes]

    async def _confirmed(self, view: PoolView, missing: Sequence[PaidNode], now: float) -> set[str]:
        """Those of the missing nodes that the provider no longer has."""
        launcher = self._launchers.get(view.pool.name)
        if launcher is None or now - self._asked.get(view.pool.name, 0.0) < _ASK_PROVIDER_S:
            return set()
        self._asked[view.pool.name] = now
        try:
            ips = {node.ip for node in await launcher.nodes()}
        except PoolError as error:
            log.warning("pool %s: the provider cannot be asked for its nodes: %s", view.pool.name, error)
            return set()
        taken_over = {n.ip for n in view.nodes}  # a later node may have the address of one that is gone
        return {n.node_id for n in missing if n.ip not in ips or n.ip in taken_over}
