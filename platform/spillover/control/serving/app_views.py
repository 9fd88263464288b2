"""Served applications as Spillover's own API shows them."""

from __future__ import annotations

from collections.abc import Mapping

from ...domain.answers import ApplicationView, OnPool
from ...domain.job import JobStatus, JobView
from ...domain.pool import Pool, PoolRole
from .details import running, status_of
from .state import AppState


def application_view(state: AppState, pools: Mapping[str, Pool]) -> ApplicationView:
    """One application."""
    application, terms = state.application, state.application.terms
    status, message = status_of(state)
    return ApplicationView(
        name=application.name,
        user=application.user,
        team=application.team,
        route_prefix=application.route_prefix,
        status=status,
        message=message,
        generation=application.generation,
        deployed_at=application.deployed_at,
        baseline=running(state, PoolRole.BASELINE),
        baseline_most=terms.baseline.most,
        burst=running(state, PoolRole.BURST),
        burst_most=terms.burst.most,
        queued=state.queued,
        requests=sum(state.ongoing.values()),
        usd_per_hour=sum(_usd_per_hour(view, pools) for view in state.replicas),
        latency_target_s=terms.latency_target_s,
        pools=_on_pools(state, pools),
    )


def _on_pools(state: AppState, pools: Mapping[str, Pool]) -> tuple[OnPool, ...]:
    counts = dict.fromkeys((name for name in pools if state.ongoing.get(name)), 0)
    for view in state.replicas:
        if view.job.status is JobStatus.RUNNING and view.attempt:
            counts[view.attempt.pool] = counts.get(view.attempt.pool, 0) + 1
    return tuple(
        OnPool(name, pools[name].role.value, counts[name], state.ongoing.get(name, 0))
        for name in pools
        if name in counts
    )


def _usd_per_hour(view: JobView, pools: Mapping[str, Pool]) -> float:
    """The replica's share of the nodes that it holds, by the resource of which it takes most."""
    attempt, pool = view.attempt, view.attempt and pools.get(view.attempt.pool)
    if not attempt or not pool or view.job.status.final:
        return 0.0
    node_type = pool.node_type(attempt.node_type) or pool.node_types[0]
    shares = (unit.dominant_share(node_type.resources) for unit in view.job.demand.each())
    return sum(shares) * node_type.price_usd_per_hour
