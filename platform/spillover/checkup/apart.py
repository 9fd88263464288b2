"""Pools that would be in each other's way: one cluster under two names, ports that overlap, ourselves as a pool."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from urllib.parse import urlsplit

from ..config import AttachedPool, ClusterFile, Listen, Mistake, Parts
from ..node.local_layout import PORTS_PER_CLUSTER, Layout

# What tells two clusters of one name apart.
_ACCOUNTS = ("type", "module", "region", "project_id", "location", "resource_group", "namespace", "head_ip")

_THIS_MACHINE = {"localhost", "127.0.0.1", "0.0.0.0", "::", "::1"}  # noqa: S104  # compared, not listened on


def apart_mistakes(
    parts: Parts, clusters: Mapping[str, ClusterFile], layouts: Mapping[str, Layout]
) -> Iterator[Mistake]:
    """Every pair of pools that cannot live side by side."""
    for first, second in combinations(clusters, 2):
        yield from _launched(first, second, clusters, layouts)
    attached = {name: pool.address for name, pool in parts.pools.items() if isinstance(pool, AttachedPool)}
    for first, second in combinations(attached, 2):
        if attached[first] == attached[second]:
            path = ("pools", second, "address")
            yield Mistake(path, f"is pool '{first}' too: every node would be counted twice", attached[second])
    for name, address in attached.items():
        if parts.listen and _is_ours(address, parts.listen):
            text = "is where Spillover itself listens; write the address of the cluster's own dashboard"
            yield Mistake(("pools", name, "address"), text, address)


def _launched(
    first: str, second: str, clusters: Mapping[str, ClusterFile], layouts: Mapping[str, Layout]
) -> Iterator[Mistake]:
    here, other = clusters[second], clusters[first]
    if _identity(here, layouts.get(second)) == _identity(other, layouts.get(first)):
        text = f"is the cluster of pool '{first}' too: copy the file and give the copy another cluster_name"
        yield Mistake(("pools", second, "cluster"), text, str(here.shown))
    elif first in layouts and second in layouts:
        yield from _side_by_side(here, first, layouts[second], layouts[first])


def _identity(file: ClusterFile, layout: Layout | None) -> tuple[object, ...]:
    if layout:
        return (layout.root, layout.cluster)
    provider = file.tree.get("provider")
    told = provider if isinstance(provider, dict) else {}
    return (*(str(told.get(key)) for key in _ACCOUNTS), file.tree.get("cluster_name"))


def _side_by_side(file: ClusterFile, first: str, mine: Layout, other: Layout) -> Iterator[Mistake]:
    if abs(mine.port_base - other.port_base) < PORTS_PER_CLUSTER:
        text = f"its {PORTS_PER_CLUSTER} ports overlap with those of pool '{first}', from {other.port_base} on"
        yield file.mistake(("provider", "port_base"), text, mine.port_base)
    if mine.net == other.net:
        yield file.mistake(("provider", "net"), f"is the network of pool '{first}' too", mine.net)


def _is_ours(address: str, listen: Listen) -> bool:
    url = urlsplit(address)
    try:
        host, port = url.hostname or "", url.port or (443 if url.scheme == "https" else 80)
    except ValueError:
        return False  # a port that is none: told when it is asked
    same = host == listen.host or {host, listen.host} <= _THIS_MACHINE
    return (same and port == listen.port) or address == listen.url
