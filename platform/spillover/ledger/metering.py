"""Runs the meters: keeps the list of nodes that cost money, and books what they cost."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..domain.job import JobStatus
from ..domain.money import PaidNode
from ..domain.pool import PoolKind, PoolState
from ..errors import PoolError
from ..placement.snapshot import PoolView, Snapshot
from ..ports import Db, Launcher, Store
from .meter import ENDED, Account, meter, new_nodes, vanished

log = logging.getLogger(__name__)

_ASK_PROVIDER_S = 10.0


class Metering:
    """Books spend from snapshots."""

    def __init__(self, store: Store, db: Db, launchers: Mapping[str, Launcher | None]) -> None:
        self._store = store
        self._db = db
        self._launchers = launchers
        self._asked: dict[str, float] = {}
        self._before: tuple[dict[str, PoolView], dict[str, Account]] = ({}, {})

    async def run(self, snapshot: Snapshot) -> None:
        """Advance all meters to the snapshot's instant.

        What was spent since the last time is booked on those who held the nodes then. Who holds them now pays from
        now on: so this must run whenever that changes.
        """
        store, db = self._store, self._db
        states = await db(store.pool_states)
        known = await db(store.open_nodes)
        active = [JobStatus.STARTING, JobStatus.RUNNING, JobStatus.UNREACHABLE]
        accounts = {j.submission_id: Account(j.team, j.user) for j in await db(store.jobs, active)}
        views, payers = self._before
        self._before = {view.pool.name: view for view in snapshot.pools}, accounts
        for view in snapshot.pools:
            state = states.get(view.pool.name) or PoolState(view.pool.name)
            nodes = [n for n in known if n.pool == view.pool.name]
            nodes += new_nodes(view, state, nodes, snapshot.at)
            nodes = await self._mark_gone(view, state, nodes, snapshot.at)
            if nodes:
                moved, entries = meter(views.get(view.pool.name, view), nodes, {**accounts, **payers}, snapshot.at)
                await db(store.record_spend, moved, entries)

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
