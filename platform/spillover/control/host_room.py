"""What hosts that are named one by one mean for placement: where nothing new may begin, and which are on their way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..domain.host import HostState, HostStatus, HostTarget
from ..domain.pool import PoolState, PoolStatus
from .core import PoolRuntime
from .hosts import node_of

_ON_ITS_WAY = {HostStatus.DOWN, HostStatus.STARTING, HostStatus.JOINING}


def closed(runtime: PoolRuntime, hosts: Iterable[HostState]) -> frozenset[str]:
    """Ids of the nodes of hosts that are being drained, from the moment when an operator wants it."""
    draining = [
        host
        for host in hosts
        if host.pool == runtime.pool.name and (host.target is HostTarget.DRAINED or host.status is HostStatus.DRAINING)
    ]
    return frozenset(node.node_id for host in draining if (node := node_of(runtime, host)) is not None)


def missing(pool: str, hosts: Iterable[HostState]) -> Iterator[str]:
    """What about a pool's hosts asks for a person."""
    for host in hosts:
        if host.pool == pool and host.status is HostStatus.MISSING and host.failures:
            yield f"host {host.host} is missing: {host.problem}"


def coming(runtime: PoolRuntime, state: PoolState, hosts: Iterable[HostState]) -> dict[str, int]:
    """Workers by type that will join. A host that was tried in vain may stay away: no job waits for it alone."""
    known = {host.host: host for host in hosts if host.pool == runtime.pool.name}
    workers = [host.name for host in (runtime.hosts.hosts() if runtime.hosts else ()) if host.kind == "worker"]
    states = [known.get(name) or HostState(runtime.pool.name, name) for name in workers]
    wanted = [host for host in states if host.target is HostTarget.UP]
    if state.status is PoolStatus.UP:
        wanted = [host for host in wanted if _is_coming(host) and node_of(runtime, host) is None]
    count, found = len(wanted), {}
    for node_type in runtime.pool.node_types:
        found[node_type.name] = min(count, node_type.max_nodes)
        count -= found[node_type.name]
    return found


def _is_coming(host: HostState) -> bool:
    return host.status in _ON_ITS_WAY or (host.status is HostStatus.MISSING and not host.failures)
