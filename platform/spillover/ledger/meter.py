"""Meters the nodes of all pools: what each cost since last time, and whose cost that is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..domain.money import LedgerEntry, PaidNode, ends_by_day
from ..domain.pool import Market, Node, Pool, PoolKind, PoolState, PoolStatus
from ..domain.resources import Resources
from ..placement.capacity import rooms_of
from ..placement.snapshot import PoolView
from .split import Payer, charges, split

HEAD_TYPE = "head"
ENDED = frozenset({PoolStatus.DOWN, PoolStatus.RAISING})
"""A launched pool that is down, or being raised from there, has none of its earlier nodes: the provider said so."""


@dataclass(frozen=True)
class Account:
    """Who a job's cost is booked on."""

    team: str
    user: str


def new_nodes(view: PoolView, state: PoolState, known: Iterable[PaidNode], now: float) -> list[PaidNode]:
    """Nodes that started to cost money and are not metered yet."""
    have = {node.node_id for node in known if node.pool == view.pool.name}
    found = [*_launched_head(view.pool, state, now), *(_paid(view.pool, node, now) for node in _workers(view))]
    return [node for node in found if node.node_id not in have]


def _launched_head(pool: Pool, state: PoolState, now: float) -> list[PaidNode]:
    if pool.kind is PoolKind.ATTACHED or not state.lease_id:
        return []
    # It costs from the moment that raising began, long before its Ray answers
    since = min(state.raised_at or now, now)
    return [_node(pool, f"head-{state.lease_id}", HEAD_TYPE, _head_market(pool), pool.head_price_usd_per_hour, since)]


def _head_market(pool: Pool) -> Market:
    owned = all(t.market is Market.OWNED for t in pool.node_types)
    return Market.OWNED if owned else Market.ON_DEMAND


def _workers(view: PoolView) -> list[Node]:
    return [n for n in view.nodes if not (n.is_head and view.pool.kind is PoolKind.LAUNCHED)]


def _paid(pool: Pool, node: Node, now: float) -> PaidNode:
    if node.is_head and not any(node.resources.get(r) for r in ("CPU", "GPU")):
        return _node(pool, node.node_id, HEAD_TYPE, _head_market(pool), pool.head_price_usd_per_hour, now)
    node_type = pool.type_of(node) or pool.node_types[0]
    paid = _node(pool, node.node_id, node_type.name, node_type.market, node_type.price_usd_per_hour, now)
    started = min(now, node.started_at) if node.started_at and pool.kind is PoolKind.LAUNCHED else now
    return replace(paid, ip=node.ip, since=started, metered_until=started)


def _node(pool: Pool, node_id: str, type_name: str, market: Market, price: float, since: float) -> PaidNode:
    return PaidNode(
        pool=pool.name,
        node_id=node_id,
        node_type=type_name,
        market=market.value,
        price_usd_per_hour=price,
        is_head=type_name == HEAD_TYPE,
        ip="",
        since=since,
        metered_until=since,
    )


def vanished(view: PoolView, state: PoolState, known: Iterable[PaidNode]) -> list[PaidNode]:
    """Metered nodes that the pool no longer shows. Whether they are gone is for the provider to say."""
    mine = [node for node in known if node.pool == view.pool.name]
    if view.pool.kind is PoolKind.LAUNCHED and state.status in ENDED:
        return [node for node in mine if node.node_id != f"head-{state.lease_id}"]
    if state.status is not PoolStatus.UP or not view.nodes:
        return []
    live = {node.node_id for node in view.nodes}
    return [node for node in mine if node.node_id not in live and node.node_id != f"head-{state.lease_id}"]


def meter(
    view: PoolView, nodes: Sequence[PaidNode], accounts: Mapping[str, Account], now: float
) -> tuple[list[PaidNode], list[LedgerEntry]]:
    """Advance the meters of one pool's nodes to `now`. A node with `gone_at` set is metered up to then."""
    by_node = _charges(view)
    totals = {node.node_id: node.resources for node in view.nodes}
    moved: list[PaidNode] = []
    entries: list[LedgerEntry] = []
    for node in nodes:
        payers = [
            Payer(job, accounts[job].team, accounts[job].user, charged)
            for job, charged in by_node.get(node.node_id, {}).items()
            if job in accounts
        ]
        total = totals.get(node.node_id) or declared(view.pool, node)
        at = node.metered_until
        for end in ends_by_day(at, min(now, node.gone_at or now)):
            entries += split(replace(node, metered_until=at), total, payers, _foreign(view, node.node_id), end)
            at = end
        moved.append(replace(node, metered_until=at))
    return moved, entries


def declared(pool: Pool, node: PaidNode) -> Resources:
    """What the settings say that a node of its type has."""
    node_type = pool.node_type(node.node_type)
    return node_type.resources if node_type else Resources()


def _charges(view: PoolView) -> dict[str, dict[str, Resources]]:
    rooms = rooms_of(view)
    holds = []
    for work, hold in zip(view.work, rooms.holds, strict=True):
        nodes: dict[str, dict[str, float]] = {}
        for index, need in hold.takes:
            room = rooms.rooms[index]
            if room.live and room.type is not None:
                amounts = nodes.setdefault(room.node_id, {})
                for name, amount in need:
                    amounts[name] = amounts.get(name, 0.0) + amount
        holds.append((work.submission_id, nodes))
    return charges(holds)


def _foreign(view: PoolView, node_id: str) -> Resources:
    total = Resources()
    for use in view.usage:
        if use.node_id == node_id and use.owner is None:
            total = total.plus(use.resources)
    return total
