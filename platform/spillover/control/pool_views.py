"""Pools as Spillover's own API shows them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ..domain.answers import LeaseView, NodeView, Page, PoolInfo
from ..domain.money import NANOS
from ..domain.pool import Node, PoolKind, PoolState
from ..domain.questions import PoolQuery
from ..domain.resources import Resources
from ..placement.capacity import rooms_of
from ..placement.snapshot import PoolView
from .core import Core, PoolRuntime
from .host_room import missing
from .paging import page
from .passes import Passes


class PoolViews:
    """Reads, never writes."""

    def __init__(self, core: Core, passes: Passes) -> None:
        self._core = core
        self._passes = passes

    async def pools(self, query: PoolQuery) -> Page[PoolInfo]:
        """The pools that were asked for, with nodes, use, lease and spend."""
        store, db = self._core.store, self._core.db
        states = await db(store.pool_states)
        spent = await db(store.pool_cost_nanos)
        hosts = await db(store.hosts)
        hourly: dict[str, float] = {}
        for node in await db(store.open_nodes):
            hourly[node.pool] = hourly.get(node.pool, 0.0) + node.price_usd_per_hour
        found = []
        for view in (await self._passes.snapshot(kept_room=False)).pools:
            name = view.pool.name
            state = states.get(name) or PoolState(name)
            if _asked_for(view, state, query):
                shown = _pool(view, state, spent.get(name, 0) / NANOS, hourly.get(name, 0.0))
                found.append(replace(shown, alarms=(*alarms(self._core.pools[name]), *missing(name, hosts))))
        return page(found, query.limit, query.after)


def alarms(runtime: PoolRuntime) -> Iterator[str]:
    """What about a pool's machines asks for a person."""
    if runtime.listed_error:
        yield f"its provider does not answer: {runtime.listed_error}"
    for stray in runtime.strays:
        said = stray.error or "its end was accepted"
        yield f"stray machine {stray.machine.id} ({stray.why}) is still there, asked {stray.tries} times: {said}"


def _asked_for(view: PoolView, state: PoolState, query: PoolQuery) -> bool:
    return (
        query.kind in {None, view.pool.kind.value}
        and query.role in {None, view.pool.role.value}
        and (not query.status or state.status.value in query.status)
    )


def _pool(view: PoolView, state: PoolState, spent_usd: float, usd_per_hour: float) -> PoolInfo:
    pool = view.pool
    lease = LeaseView(state.lease_id, state.lease_max_nodes, state.lease_expires_at) if state.lease_id else None
    return PoolInfo(
        name=pool.name,
        kind=pool.kind.value,
        role=pool.role.value,
        region=pool.region,
        status=state.status.value,
        address=state.address,
        message=state.message,
        since=state.since,
        jobs=len(view.work),
        drivers=sum(1 for work in view.work if not work.demand.driver),
        max_drivers=pool.max_drivers,
        lease=lease,
        spent_usd=spent_usd,
        usd_per_hour=usd_per_hour,
        nodes=tuple(_node(view, node) for node in view.nodes),
    )


def _node(view: PoolView, node: Node) -> NodeView:
    pool = view.pool
    as_head = node.is_head and pool.kind is PoolKind.LAUNCHED
    node_type = None if as_head else pool.type_of(node)
    used, foreign = _use(view, node)
    return NodeView(
        node_id=node.node_id,
        ip=node.ip,
        type="head" if as_head else node_type.name if node_type else node.type_name,
        market=node_type.market.value if node_type else "",
        price_usd_per_hour=node_type.price_usd_per_hour if node_type else pool.head_price_usd_per_hour,
        is_head=node.is_head,
        resources=dict(node.resources),
        used=dict(used),
        foreign=dict(foreign),
    )


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
