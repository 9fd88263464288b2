"""The world of the settings: the owned pools' nodes, the rented pools' prices, start-up and caps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from ..domain.pool import Market, NodeType, Pool, PoolRole
from ..errors import BadArgument
from .world import World

UNITS = {"gpus": "GPU", "cpus": "CPU"}
"""What a trace may count, and what Ray calls it."""


class Kind(NamedTuple):
    """A node type that has what is counted: how much of it one node has, and what one unit costs an hour."""

    pool: Pool
    type: NodeType
    units: float
    usd: float

    @property
    def most(self) -> float:
        """Units that there can be of this type."""
        return self.units * self.type.max_nodes


def own_world(pools: Sequence[Pool], count: str) -> tuple[World, tuple[str, ...]]:
    """The world that these pools are, for jobs that count `gpus` or `cpus`, and what it leaves out of them.

    A replay has one kind of owned node and one price a market: owned nodes are counted in those of the type that holds
    most, and what is rented is the cheapest of each market. Raises BadArgument where no owned pool has any.
    """
    owned = list(_kinds(pools, count, PoolRole.BASELINE))
    rented = list(_kinds(pools, count, PoolRole.BURST))
    if not owned:
        raise BadArgument(f"no owned pool of the settings has a {UNITS[count]}; say --nodes and --gpus-per-node")
    main = max(owned, key=lambda kind: kind.most)
    total = sum(kind.most for kind in owned)
    world = World(
        nodes=round(total / main.units),
        gpus_per_node=max(1, round(main.units)),
        owned_usd=sum(kind.usd * kind.most for kind in owned) / total,
    )
    world = _with_cloud(world, rented)
    return world, tuple(_notes(owned, rented, world, UNITS[count]))


def _kinds(pools: Sequence[Pool], count: str, role: PoolRole) -> Iterator[Kind]:
    for pool in pools:
        for node_type in pool.node_types:
            units = node_type.resources.get(UNITS[count], 0.0)
            if pool.role is role and units and node_type.max_nodes:
                yield Kind(pool, node_type, units, node_type.price_usd_per_hour / units)


def _cheapest(kinds: Sequence[Kind], market: Market) -> Kind | None:
    return min((kind for kind in kinds if kind.type.market is market), key=lambda kind: kind.usd, default=None)


def _with_cloud(world: World, kinds: Sequence[Kind]) -> World:
    """The world with the rented pools as its cloud. Without one nothing can be had."""
    if not kinds:
        return replace(world, max_cloud_gpus=0.0)
    on_demand, spot = _cheapest(kinds, Market.ON_DEMAND), _cheapest(kinds, Market.SPOT)
    main = on_demand or spot or min(kinds, key=lambda kind: kind.usd)
    return replace(
        world,
        on_demand_usd=main.usd,
        spot_usd=(spot or main).usd,
        startup_s=main.pool.startup_s,
        idle_timeout_s=main.pool.idle_timeout_s,
        egress_usd_per_gb=main.pool.egress_usd_per_gb,
        cloud_sizes=tuple(sorted({max(1, round(kind.units)) for kind in kinds})),
        max_cloud_gpus=sum(kind.most for kind in kinds),
    )


def _notes(owned: Sequence[Kind], rented: Sequence[Kind], world: World, unit: str) -> Iterator[str]:
    names = ", ".join(dict.fromkeys(kind.pool.name for kind in owned))
    yield f"owned: {world.nodes} nodes with {world.gpus_per_node} {unit} each, from {names} of the settings"
    if len({kind.units for kind in owned}) > 1:
        yield "owned nodes of several sizes are counted in nodes of the size that holds most"
    if not rented:
        yield "the settings have no pool to rent: nothing bursts"
        return
    names = ", ".join(dict.fromkeys(kind.pool.name for kind in rented))
    yield f"prices: ${world.on_demand_usd:.4g} a {unit}-hour, the cheapest of {names} of the settings"
    if not _cheapest(rented, Market.ON_DEMAND):
        yield "the settings rent no on-demand nodes: theirs are replayed as such, at their price and uninterrupted"
