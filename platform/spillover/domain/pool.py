"""Pools: where work can run, what it costs there, and how a pool lives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from .resources import Resources


class Market(StrEnum):
    """How a node is paid for."""

    OWNED = "owned"
    ON_DEMAND = "on_demand"
    SPOT = "spot"


class PoolKind(StrEnum):
    """`attached`: others run the cluster. `launched`: Spillover raises and folds it from a cluster YAML."""

    ATTACHED = "attached"
    LAUNCHED = "launched"


class PoolRole(StrEnum):
    """`baseline`: owned, always on. `burst`: rented, exists only while needed."""

    BASELINE = "baseline"
    BURST = "burst"


@dataclass(frozen=True)
class NodeType:
    """One shape of node. `max_nodes` counts workers of this type; the head is priced apart.

    `interruptions_per_hour`: how often its market takes one back, as the settings say; 0 for what is not spot.
    """

    name: str
    resources: Resources
    market: Market
    price_usd_per_hour: float
    max_nodes: int
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    interruptions_per_hour: float = 0.0


@dataclass(frozen=True)
class Pool:
    """What the settings say about a pool.

    `settle_s`: how long its provider's lists may lag behind what it does. `egress_usd_per_gb` is what data that leaves
    it costs, `gbit_per_s` how fast a job reads what lives elsewhere. Its cluster's Serve proxies listen on `serve_port`
    of each node, at the address `serve_host`.
    """

    name: str
    kind: PoolKind
    role: PoolRole
    node_types: tuple[NodeType, ...]
    head_price_usd_per_hour: float = 0.0
    region: str = ""
    provides: frozenset[str] = frozenset()
    max_drivers: int = 16
    startup_s: float = 180.0
    idle_timeout_s: float = 300.0
    lease_s: float = 3600.0
    unreachable_after_s: float = 60.0
    settle_s: float = 0.0
    address: str | None = None
    cluster_yaml: str | None = None
    dashboard_port: int = 8265
    serve_port: int = 8000
    serve_host: str = "0.0.0.0"  # noqa: S104  # Ray's own default binds loopback, where nobody else reaches it
    egress_usd_per_gb: float = 0.0
    storage_usd_per_gb_month: float = 0.0
    gbit_per_s: float = 5.0

    def node_type(self, name: str) -> NodeType | None:
        """The node type of that name, if the pool has it."""
        return next((t for t in self.node_types if t.name == name), None)

    def type_of(self, node: Node) -> NodeType | None:
        """Which node type a live node is: by its label, else the best filled type that fits in it."""
        named = self.node_type(node.type_name)
        if named or not node.resources:
            return named
        fitting = [t for t in self.node_types if t.resources.fits_in(node.resources)]
        return max(fitting, key=lambda t: sum(t.resources.values()), default=self.node_types[0])

    @property
    def max_nodes(self) -> int:
        """Most workers that may live at once: the cap that a lease is made for."""
        return sum(t.max_nodes for t in self.node_types)


class PoolStatus(StrEnum):
    """Where a pool is. Attached pools are UP or UNREACHABLE only."""

    DOWN = "down"
    RAISING = "raising"
    UP = "up"
    UNREACHABLE = "unreachable"
    FOLDING = "folding"


class PoolTarget(StrEnum):
    """Where a pool should be."""

    UP = "up"
    DOWN = "down"


@dataclass(frozen=True)
class PoolState:
    """What is kept about a pool across restarts. Times are Unix seconds; None means never or not now.

    `fenced_at` and `fold_asked_at` are set by operators' commands, all else by the reconciler.
    """

    name: str
    status: PoolStatus = PoolStatus.DOWN
    target: PoolTarget = PoolTarget.DOWN
    address: str | None = None
    session_name: str | None = None
    lease_id: str | None = None
    lease_max_nodes: int = 0
    lease_expires_at: float | None = None
    raised_at: float | None = None
    since: float = 0.0
    seen_at: float | None = None
    idle_since: float | None = None
    retry_at: float | None = None
    fenced_at: float | None = None
    fold_asked_at: float | None = None
    session_since: float | None = None
    failures: int = 0
    message: str = ""


@dataclass(frozen=True)
class Node:
    """A live node of a pool as its cluster shows it. `foreign` is use that did not come through us."""

    node_id: str
    ip: str
    type_name: str
    resources: Resources
    is_head: bool = False
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    started_at: float = 0.0


@dataclass(frozen=True)
class Usage:
    """Resources that some work holds on a node. `owner` is an attempt id, or None for foreign use."""

    node_id: str
    owner: str | None
    resources: Resources


@dataclass(frozen=True)
class Observation:
    """One look at a pool's cluster."""

    at: float
    session_name: str
    ray_version: str
    nodes: tuple[Node, ...]
    usage: tuple[Usage, ...]
