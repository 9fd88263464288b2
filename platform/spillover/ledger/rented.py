"""Meters of rented machines, from what their provider says of them: when each was launched, and what it bills."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from ..domain.money import PaidNode
from ..domain.pool import Market, Pool
from ..domain.provider import Listing, Machine
from ..placement.snapshot import PoolView

UNSEEN_S = 900.0
"""A machine that its provider has not shown for so long has ended some time after it was last metered."""


def by_machine(view: PoolView, listing: Listing) -> PoolView:
    """The pool with its nodes named as their provider names them; Ray's nodes are told by their addresses."""
    there = {m.ip: m.id for m in listing.of(view.pool.name) if m.state.there}
    names = {node.node_id: there.get(node.ip, node.node_id) for node in view.nodes}
    nodes = tuple(replace(node, node_id=names[node.node_id]) for node in view.nodes)
    usage = tuple(replace(use, node_id=names.get(use.node_id, use.node_id)) for use in view.usage)
    return replace(view, nodes=nodes, usage=usage)


def fresh(pool: Pool, listing: Listing, known: Iterable[str]) -> list[PaidNode]:
    """Meters for machines that have none yet, those that have ended meanwhile too."""
    have = set(known)
    return [_paid(pool, machine) for machine in listing.of(pool.name) if machine.id not in have]


def _paid(pool: Pool, machine: Machine) -> PaidNode:
    node_type = pool.node_type(machine.node_type)
    is_head = machine.kind == "head"
    price = pool.head_price_usd_per_hour if is_head or node_type is None else node_type.price_usd_per_hour
    return PaidNode(
        pool=pool.name,
        node_id=machine.id,
        node_type=machine.node_type or machine.kind,
        market=Market(machine.market).value,
        price_usd_per_hour=price,
        is_head=is_head,
        ip=machine.ip,
        since=machine.launched_at,
        metered_until=machine.launched_at,
    )


def shown(nodes: Iterable[PaidNode], listing: Listing) -> list[PaidNode]:
    """The nodes that their provider shows. The others' meters wait: they may have ended, or the list lags behind."""
    ids = {machine.id for machine in listing.machines}
    return [node for node in nodes if node.node_id in ids]


def with_reclaims(nodes: Iterable[PaidNode], listing: Listing) -> list[PaidNode]:
    """The nodes, with the time at which the spot market took those back that it did."""
    taken = {m.id: m.ended_at for m in listing.machines if m.reclaimed}
    return [replace(node, reclaimed_at=taken.get(node.node_id, node.reclaimed_at)) for node in nodes]


def ends(nodes: Iterable[PaidNode], listing: Listing, now: float) -> Mapping[str, float]:
    """Until when each machine that has ended is billed (Unix seconds), by its id.

    A bill that ends later than now, as that for a minimum time does, is not closed yet. A machine that is not shown
    any more ended unseen: what it cost after it was last metered is not known.
    """
    machines = {machine.id: machine for machine in listing.machines}
    found = {}
    for node in nodes:
        machine = machines.get(node.node_id)
        if machine is None:
            if listing.at - node.metered_until > UNSEEN_S:
                found[node.node_id] = node.metered_until
        elif machine.billed_s is not None and node.since + machine.billed_s <= now:
            found[node.node_id] = node.since + machine.billed_s
    return found
