"""Who held the nodes while nobody could look: pools that do not answer, and the time in which Spillover was down."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from ..domain.money import LedgerEntry, PaidNode
from ..domain.past import PastJob
from ..domain.pool import Node
from ..placement.snapshot import LiveWork, PoolView
from .meter import Account, declared, meter


def as_held(view: PoolView, nodes: Iterable[PaidNode]) -> PoolView:
    """The pool as it is charged by.

    Where no look shows nodes, those whose meters run stand for them with what the settings say that they have: its jobs
    hold there what they declared.
    """
    if view.nodes:
        return view
    workers = [Node(n.node_id, n.ip, n.node_type, declared(view.pool, n)) for n in nodes if not n.is_head]
    return replace(view, nodes=tuple(workers), usage=())


def catch_up(
    view: PoolView,
    nodes: Sequence[PaidNode],
    accounts: Mapping[str, Account],
    placed: Mapping[str, float],
    past: Iterable[PastJob],
    now: float,
) -> tuple[list[PaidNode], list[LedgerEntry]]:
    """Advance the meters over a time in which nobody looked.

    Jobs that are still there have held their nodes since they were `placed` (Unix seconds by submission id), those that
    have ended meanwhile until they did.
    """
    ended = [job for job in past if job.pool == view.pool.name]
    payers = {**accounts, **{job.submission_id: Account(job.team, job.user) for job in ended}}
    moved: Sequence[PaidNode] = nodes
    entries: list[LedgerEntry] = []
    changes = {*placed.values(), *(job.started_at for job in ended), *(job.ended_at for job in ended)}
    there = [work for work in view.work if work.submission_id not in {job.submission_id for job in ended}]
    for end in [*sorted(at for at in changes if at < now), now]:
        live = [work for work in there if placed.get(work.submission_id, 0.0) < end]
        gone = [_work(job) for job in ended if job.started_at < end <= job.ended_at]
        moved, part = meter(replace(view, work=(*live, *gone)), moved, payers, end)
        entries += part
    return list(moved), entries


def _work(job: PastJob) -> LiveWork:
    return LiveWork(job.submission_id, job.team, job.demand, job.ended_at, job.node_type)
