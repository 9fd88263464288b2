"""What Spillover's own API shows: queue, pools, explanations, cost, as plain JSON values."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from ..domain.decision import Decision
from ..domain.job import Attempt, Job, JobStatus
from ..domain.money import NANOS
from ..domain.pool import Node, Pool, PoolKind, PoolState
from ..domain.resources import Resources
from ..errors import BadRequest
from ..placement.capacity import rooms_of
from ..placement.place import offers_for
from ..placement.snapshot import PoolView, Snapshot
from .core import Core
from .intake import queued_job
from .overuse import Overuse, excess
from .passes import Passes

_ATTEMPT_KEYS = (
    *("attempt_id", "number", "pool", "node_type", "market", "why", "status", "outcome"),
    *("committed_at", "started_at", "ended_at", "message", "exit_code", "core_job_id"),
)
COST_COLUMNS = ("pool", "team", "user", "job", "market", "day", "kind", "node_type")


class Views:
    """Reads, never writes."""

    def __init__(self, core: Core, passes: Passes, overuse: Overuse) -> None:
        self._core = core
        self._passes = passes
        self._overuse = overuse

    async def queue(self, limit: int) -> list[dict[str, Any]]:
        """Jobs that have not ended: those on pools first, then those that wait, in the order of the queue."""
        store, db = self._core.store, self._core.db
        jobs = await db(store.jobs, [s for s in JobStatus if not s.final])
        attempts = {a.submission_id: a for a in await db(store.live_attempts)}
        place = self._passes.order
        jobs.sort(key=lambda j: (j.status is JobStatus.QUEUED, place.get(j.submission_id, len(place))))
        return [self._job(job, attempts.get(job.submission_id)) for job in jobs[:limit]]

    def _job(self, job: Job, attempt: Attempt | None) -> dict[str, Any]:
        now = self._core.clock.now()
        started = attempt.started_at if attempt else None
        return {
            "submission_id": job.submission_id,
            "user": job.user,
            "team": job.team,
            "priority": job.priority,
            "status": job.status.value,
            "target": job.target.value,
            "demand": str(job.demand),
            "submitted_at": job.submitted_at,
            "wait_s": max(0.0, (job.started_at or job.ended_at or now) - job.submitted_at),
            "reason": job.wait_reason,
            "message": job.message,
            "expected_start_at": job.expected_start_at,
            "pool": attempt.pool if attempt else None,
            "attempt": attempt.number if attempt else None,
            "runtime_s": ((attempt.ended_at or now) - started) if attempt and started else None,
        }

    async def pools(self) -> list[dict[str, Any]]:
        """All pools with nodes, use, lease and spend."""
        store, db = self._core.store, self._core.db
        states = await db(store.pool_states)
        spent = {row["pool"]: row["nano_usd"] for row in await db(store.spend, ["pool"])}
        paid = await db(store.open_nodes)
        snapshot = await self._passes.snapshot()
        return [
            {
                **self._pool(view, states.get(view.pool.name) or PoolState(view.pool.name)),
                "spent_usd": spent.get(view.pool.name, 0) / NANOS,
                "usd_per_hour": sum(n.price_usd_per_hour for n in paid if n.pool == view.pool.name),
            }
            for view in snapshot.pools
        ]

    def _pool(self, view: PoolView, state: PoolState) -> dict[str, Any]:
        lease = {"id": state.lease_id, "max_nodes": state.lease_max_nodes, "expires_at": state.lease_expires_at}
        return {
            "name": view.pool.name,
            "kind": view.pool.kind.value,
            "role": view.pool.role.value,
            "region": view.pool.region,
            "status": state.status.value,
            "address": state.address,
            "message": state.message,
            "since": state.since,
            "nodes": [_node(view, node) for node in view.nodes],
            "jobs": len(view.work),
            "drivers": sum(1 for work in view.work if not work.demand.driver),
            "max_drivers": view.pool.max_drivers,
            "lease": lease if state.lease_id else None,
        }

    async def explain(self, job: Job) -> dict[str, Any]:
        """Everything that was decided about a job, and every offer with its numbers."""
        store, db = self._core.store, self._core.db
        attempts = await db(store.attempts, job.submission_id)
        decisions = await db(store.decisions, job.submission_id)
        events = await db(store.events, job.submission_id)
        last = attempts[-1] if attempts else None
        return {
            "job": {**self._job(job, last), **self._details(job, last)},
            "decisions": [_decision(d) for d in decisions],
            "offers": [dataclasses.asdict(o) for o in await self._offers(job, decisions)],
            "attempts": [_attempt(a) for a in attempts],
            "events": [dataclasses.asdict(e) for e in events],
        }

    def _details(self, job: Job, last: Attempt | None) -> dict[str, Any]:
        used = self._overuse.largest(last.attempt_id) if last else None
        over = excess(job.demand, used) if used else Resources()
        return {
            "started_at": job.started_at,
            "ended_at": job.ended_at,
            "exit_code": job.exit_code,
            "error_type": job.error_type,
            "demand_source": job.demand_source,
            "observed": str(used) if used else None,
            "overuse": f"{over} more than declared" if over else None,
        }

    async def _offers(self, job: Job, decisions: Sequence[Decision]) -> Sequence[Any]:
        """The offers of the decision that placed the job; for one that waits, those of this moment."""
        placed = next((d for d in reversed(decisions) if d.offers), None)
        if job.status is not JobStatus.QUEUED:
            return placed.offers if placed else ()
        snapshot: Snapshot = await self._passes.snapshot()
        queued = next((q for q in snapshot.jobs if q.submission_id == job.submission_id), None)
        return offers_for(queued or queued_job(job, self._core, ()), snapshot, self._core.policy)

    async def cost(self, by: Sequence[str]) -> dict[str, Any]:
        """Spend grouped by the named columns. Raises BadRequest for an unknown one."""
        unknown = [name for name in by if name not in COST_COLUMNS]
        if unknown:
            raise BadRequest(f"cost cannot be grouped by '{unknown[0]}'; there are {', '.join(COST_COLUMNS)}")
        columns = list(dict.fromkeys([*by, "kind"]))
        rows = await self._core.db(self._core.store.spend, columns)
        return {
            "by": list(by),
            "rows": [_spend(row) for row in rows],
            "total_usd": sum(row["nano_usd"] for row in rows) / NANOS,
            "node_total_usd": await self._core.db(self._core.store.node_cost_nanos) / NANOS,
            "as_of": self._core.clock.now(),
        }

    async def events(self, subject: str | None, limit: int) -> list[dict[str, Any]]:
        """History, newest first."""
        name = f"pool:{subject}" if subject in self._core.pools else subject
        events = await self._core.db(self._core.store.events, name, limit)
        return [dataclasses.asdict(event) for event in events]


def _spend(row: Mapping[str, Any]) -> dict[str, Any]:
    rest = {k: v for k, v in row.items() if k not in {"nano_usd", "node_s"}}
    return {**rest, "node_seconds": row["node_s"], "usd": row["nano_usd"] / NANOS}


def _node(view: PoolView, node: Node) -> dict[str, Any]:
    pool: Pool = view.pool
    as_head = node.is_head and pool.kind is PoolKind.LAUNCHED
    node_type = None if as_head else pool.type_of(node)
    price = node_type.price_usd_per_hour if node_type else pool.head_price_usd_per_hour
    used, foreign = _use(view, node)
    return {
        "node_id": node.node_id,
        "ip": node.ip,
        "type": "head" if as_head else node_type.name if node_type else node.type_name,
        "market": node_type.market.value if node_type else "",
        "price_usd_per_hour": price,
        "is_head": node.is_head,
        "resources": dict(node.resources),
        "used": dict(used),
        "foreign": dict(foreign),
    }


def _use(view: PoolView, node: Node) -> tuple[Resources, Resources]:
    rooms = rooms_of(view)
    total = Resources()
    for hold in rooms.holds:
        for index, need in hold.takes:
            if rooms.rooms[index].node_id == node.node_id:
                total = total.plus(dict(need))
    foreign = Resources()
    for use in view.usage:
        if use.node_id == node.node_id and use.owner is None:
            foreign = foreign.plus(use.resources)
    return total, foreign


def _decision(decision: Decision) -> dict[str, Any]:
    raw = dataclasses.asdict(decision)
    return {k: raw[k] for k in ("at", "verdict", "sentence", "reason", "policy", "pool", "until")}


def _attempt(attempt: Attempt) -> dict[str, Any]:
    raw = dataclasses.asdict(attempt)
    return {key: raw[key] for key in _ATTEMPT_KEYS}
