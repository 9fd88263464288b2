"""Prices that are allowed, and hardly meant: every decision and every bill rests on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import product

from ..config import Mistake, warn
from ..domain.pool import Market, NodeType, Pool, PoolKind, PoolRole

MAX_USD_PER_NODE_HOUR = 500.0
"""Above what the dearest machines of the big clouds are listed at: some $400 for 32 TiB of memory, $120 for 8 GPUs."""

MAX_USD_PER_GPU_HOUR = 30.0
"""About twice what the big clouds ask for one of the dearest GPUs: some $114 an hour for 8 B200."""

_Shape = tuple[tuple[str, float], ...]


def price_mistakes(pools: Iterable[Pool]) -> Iterator[Mistake]:
    """Warnings about single prices, and about prices that do not fit together."""
    pools = list(pools)
    for pool in pools:
        for node_type in pool.node_types:
            yield from _single(pool, node_type)
        if _rented_head(pool) and pool.head_price_usd_per_hour == 0:
            path = ("pools", pool.name, "head_price_usd_per_hour")
            yield warn(path, "the head of a rented cluster is a machine too: is it free?", 0)
        if pool.head_price_usd_per_hour > MAX_USD_PER_NODE_HOUR:
            path = ("pools", pool.name, "head_price_usd_per_hour")
            yield warn(path, _too_dear(MAX_USD_PER_NODE_HOUR), f"{pool.head_price_usd_per_hour:g}")
    for pool in pools:
        yield from _spot_dearer(pool)
    for owned, rented in product(pools, pools):
        if owned.role is PoolRole.BASELINE and rented.role is PoolRole.BURST:
            yield from _owned_dearer(owned, rented)


def _single(pool: Pool, node_type: NodeType) -> Iterator[Mistake]:
    price, gpus = node_type.price_usd_per_hour, node_type.resources.get("GPU", 0.0)
    if price == 0 and node_type.market is not Market.OWNED:
        yield _about(pool, node_type, f"a rented node ({node_type.market}) that is free: offers would cost nothing")
    if price > MAX_USD_PER_NODE_HOUR:
        yield _about(pool, node_type, _too_dear(MAX_USD_PER_NODE_HOUR))
    elif gpus >= 1 and price / gpus > MAX_USD_PER_GPU_HOUR:
        yield _about(pool, node_type, f"${price / gpus:g} for each of {gpus:g} GPUs: {_too_dear(MAX_USD_PER_GPU_HOUR)}")


def _too_dear(limit: float) -> str:
    return f"is more than ${limit:g}: is it the price of one hour, in dollars?"


def _rented_head(pool: Pool) -> bool:
    rented = any(t.market is not Market.OWNED for t in pool.node_types)
    return rented and pool.role is PoolRole.BURST and pool.kind is PoolKind.LAUNCHED


def _spot_dearer(pool: Pool) -> Iterator[Mistake]:
    """Within a pool: elsewhere the same shape may be another machine."""
    for spot, on_demand in product(pool.node_types, pool.node_types):
        markets = (spot.market, on_demand.market) == (Market.SPOT, Market.ON_DEMAND)
        if markets and _kind(spot) == _kind(on_demand) and spot.price_usd_per_hour > on_demand.price_usd_per_hour:
            text = f"spot is dearer than on_demand of the same shape, '{on_demand.name}' at {_usd(on_demand)}"
            yield _about(pool, spot, text)


def _owned_dearer(owned: Pool, rented: Pool) -> Iterator[Mistake]:
    for mine, theirs in product(owned.node_types, rented.node_types):
        cheaper = 0 < theirs.price_usd_per_hour < mine.price_usd_per_hour
        if cheaper and _shape(mine) == _shape(theirs):
            text = f"is less than the {_usd(mine)} of the same shape in '{owned.name}': waiting there never pays"
            yield _about(rented, theirs, text)


def _about(pool: Pool, node_type: NodeType, text: str) -> Mistake:
    path = ("pools", pool.name, "node_types", node_type.name, "price_usd_per_hour")
    return warn(path, text, f"{node_type.price_usd_per_hour:g}")


def _shape(node_type: NodeType) -> _Shape:
    """Without memory, which hardly two machines have alike."""
    return tuple((name, amount) for name, amount in node_type.resources.items() if name != "memory")


def _kind(node_type: NodeType) -> tuple[_Shape, Mapping[str, str]]:
    return _shape(node_type), {k: v for k, v in node_type.labels.items() if "market" not in k}


def _usd(node_type: NodeType) -> str:
    return f"${node_type.price_usd_per_hour:g}"
