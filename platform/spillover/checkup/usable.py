"""Pools that no job could use, and pools that the lease's cap would break."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ..config import ClusterFile, Mistake, Parts, warn
from ..domain.pool import Pool, PoolRole

_NOBODY = "no job could ever run here"


def usable_mistakes(pools: Iterable[Pool], parts: Parts, clusters: Mapping[str, ClusterFile]) -> Iterator[Mistake]:
    """One line for each pool that nothing could use, and for each that could never be raised as it is capped."""
    for pool in pools:
        yield from _nothing_there(pool)
        if pool.role is PoolRole.BURST:
            yield from _nobody_may(pool, parts)
        if pool.name in clusters:
            yield from _cap(pool, clusters[pool.name])


def _nothing_there(pool: Pool) -> Iterator[Mistake]:
    path = ("pools", pool.name, "node_types")
    if pool.max_nodes == 0:
        yield warn(path, f"{_NOBODY}: max_nodes is 0 for all of them")
    for node_type in pool.node_types:
        if not node_type.resources:
            yield warn((*path, node_type.name, "resources"), "all are 0: no job could use such a node")


def _nobody_may(pool: Pool, parts: Parts) -> Iterator[Mistake]:
    path = ("pools", pool.name, "role")
    if parts.complete and not any(team.may_burst for team in parts.teams.values()):
        yield warn(path, f"{_NOBODY}: no team may burst (teams.*.may_burst)", "burst")
    elif parts.policy and parts.policy.name == "never":
        yield warn(path, f"{_NOBODY}: the policy 'never' rents nothing", "burst")


def _cap(pool: Pool, file: ClusterFile) -> Iterator[Mistake]:
    """A lease's cap is written into the cluster YAML's max_workers: Ray refuses it below the sum of min_workers."""
    fewest = {str(name): _fewest(node_type) for name, node_type in file.node_types.items()}
    kept = sum(min(least, pool.max_nodes) for least in fewest.values())
    if kept > pool.max_nodes:
        text = f"{file.shown.name} keeps {sum(fewest.values())} workers (min_workers), and max_nodes allows"
        yield Mistake(("pools", pool.name, "node_types"), f"{text} {pool.max_nodes}")
        return
    for node_type in pool.node_types:
        least = fewest.get(node_type.name, 0)
        if least > node_type.max_nodes:
            path = ("pools", pool.name, "node_types", node_type.name, "max_nodes")
            yield warn(path, f"{file.shown.name} keeps {least} of them (min_workers)", node_type.max_nodes)


def _fewest(node_type: object) -> int:
    least = node_type.get("min_workers", 0) if isinstance(node_type, dict) else 0
    return least if isinstance(least, int) else 0
