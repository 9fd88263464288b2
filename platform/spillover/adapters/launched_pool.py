"""One launched pool: its cluster YAML, the cap that a lease writes into it, and Ray's launcher."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ..domain.provider import Lease, Machine, ProviderNode, Raised
from ..node.local_layout import Layout
from ..ports import Provider
from .ray_launcher import RayLauncher, is_for_lease, write_config

_LOCAL = "spillover.node.local."

Dress = Callable[[Mapping[str, Any], Lease], Mapping[str, Any]]
"""Puts a lease into a cluster YAML: its tags, and what on each node sees to it that it is kept."""


def as_it_is(cluster: Mapping[str, Any], _lease: Lease) -> Mapping[str, Any]:
    """For providers whose nodes cannot carry a lease."""
    return cluster


class LaunchedPool:
    """ports.Launcher for one pool. The YAML that is launched, and the launcher's log, lie in `folder`.

    With a `provider`, that one is asked for nodes, rather than Ray's launcher in a process of its own.
    """

    def __init__(
        self, name: str, cluster_yaml: Path, folder: Path, dress: Dress = as_it_is, provider: Provider | None = None
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._name = name
        self._source = cluster_yaml
        self._config = folder / f"{name}.yaml"
        self._log = folder / f"{name}.log"
        self._dress = dress
        self._provider = provider
        self._ray = RayLauncher()

    async def raise_cluster(self, lease: Lease, *, no_restart: bool) -> Raised:
        # Written once a lease: a head whose YAML has changed since would be replaced by Ray, with its jobs
        if not is_for_lease(self._config, lease.id):
            cluster = self._dress(read_cluster(self._source), lease)
            write_config(cluster, self._config, max_workers=lease.max_nodes, lease_id=lease.id)
        return await self._ray.raise_cluster(self._config, no_restart=no_restart, log_path=self._log)

    async def fold(self) -> Sequence[ProviderNode]:
        self._ensure_config()
        return await self._ray.fold(self._config, self._log)

    async def nodes(self) -> Sequence[ProviderNode]:
        if self._provider is not None:
            machines = await self._provider.machines()
            return [_node(m) for m in machines if m.pool == self._name and m.state.there]
        self._ensure_config()
        return await self._ray.nodes(self._config, self._log)

    def _ensure_config(self) -> None:
        # What was launched is what must be folded, even if the YAML has changed since
        if not self._config.exists():
            write_config(read_cluster(self._source), self._config, max_workers=0)


def _node(machine: Machine) -> ProviderNode:
    return ProviderNode(machine.id, machine.ip, machine.node_type, machine.kind)


def read_cluster(path: Path) -> dict[str, Any]:
    """The cluster YAML as a mapping."""
    with path.open() as file:
        raw: dict[str, Any] = yaml.safe_load(file)
    return raw


def local_layout(cluster: Mapping[str, Any]) -> Layout | None:
    """Where a cluster of local processes keeps its ports and token; None for any other provider."""
    provider = cluster.get("provider", {})
    if not str(provider.get("module", "")).startswith(_LOCAL):
        return None
    return Layout.of(provider, cluster["cluster_name"])


def file_token(path: Path) -> Callable[[], str | None]:
    """Reads a token when it is needed: the file of a pool that was never raised is not there yet."""
    return lambda: path.read_text().strip() if path.exists() else None
