"""Hosts of a pool that are named one by one: what is wrong with them, and where each of them is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from .provider import NodeKind


class HostStatus(StrEnum):
    """Where a host is.

    DOWN: its pool is not up. MISSING: it should be in the cluster and is not; it is tried again. STARTING: it is being
    checked, set up and started. JOINING: Ray was started there and is not in the cluster yet. DRAINING: nothing new
    begins there. DRAINED: Spillover's Ray does not run there, and is not started.
    """

    DOWN = "down"
    MISSING = "missing"
    STARTING = "starting"
    JOINING = "joining"
    UP = "up"
    DRAINING = "draining"
    DRAINED = "drained"


class HostTarget(StrEnum):
    """Where an operator wants a host."""

    UP = "up"
    DRAINED = "drained"


@dataclass(frozen=True, slots=True)
class Host:
    """A host as its cluster YAML names it: an address, or a name."""

    name: str
    kind: NodeKind


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a host that is not as it must be (`fatal`) or should be. The text has value and remedy."""

    text: str
    fatal: bool = True


@dataclass(frozen=True, slots=True)
class HostReport:
    """What a check of one host has found."""

    host: str
    findings: tuple[Finding, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def ok(self) -> bool:
        """Whether Ray may be started there."""
        return not any(finding.fatal for finding in self.findings)

    @property
    def problem(self) -> str:
        """All that must be put right, in one line; else all that should be; else "" ."""
        return "; ".join(f.text for f in self.findings if f.fatal or self.ok)


@dataclass(frozen=True, slots=True)
class HostState:
    """What is kept about a host across restarts. Times are Unix seconds; None means never or not now.

    `target` and `repair_asked_at` are set by operators, all else by the reconciler. `node_id` is its Ray node: the one
    that is up, or the one that was told to drain.
    """

    pool: str
    host: str
    kind: NodeKind = "worker"
    status: HostStatus = HostStatus.DOWN
    target: HostTarget = HostTarget.UP
    since: float = 0.0
    node_id: str = ""
    problem: str = ""
    failures: int = 0
    retry_at: float | None = None
    repair_asked_at: float | None = None
