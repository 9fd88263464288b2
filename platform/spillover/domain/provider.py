"""What those who rent out nodes say of them. A node is gone only when its provider says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

NodeKind = Literal["head", "worker"]


@dataclass(frozen=True, slots=True)
class ProviderNode:
    """One node that the provider still has, running or on its way in or out."""

    id: str
    ip: str
    type: str
    kind: NodeKind
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Raised:
    """A cluster whose head is up. Workers are Ray's autoscaler's business and come later."""

    head_ip: str
    nodes: tuple[ProviderNode, ...]


@dataclass(frozen=True, slots=True)
class Lease:
    """At most `max_nodes` workers of a pool may live until `expires_at` (Unix seconds), unless it is renewed.

    A node that is born later than that, or shortly before, may live for its first `first_s` seconds: it was created
    with the tags of the raise, and the renewal has yet to reach it.
    """

    id: str
    pool: str
    max_nodes: int
    expires_at: float
    first_s: float = 300.0


class MachineState(StrEnum):
    """Where a machine is. ENDING does not run any more and costs nothing, but is still listed; ENDED is gone."""

    PENDING = "pending"
    RUNNING = "running"
    STOPPED = "stopped"
    ENDING = "ending"
    ENDED = "ended"

    @property
    def there(self) -> bool:
        """Whether it may still run, or be started again."""
        return self in {MachineState.PENDING, MachineState.RUNNING, MachineState.STOPPED}


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine that carries our tags, as its provider shows it: also one that has ended, as long as it is shown.

    Times are Unix seconds, as the provider bills them. `billed_s` is the time that is paid for once it has ended:
    None as long as it lives. `node_type` is the node type of the cluster YAML, "" if its tag is missing. `reclaimed`:
    it was a spot machine, and its provider took it back.
    """

    id: str
    ip: str
    state: MachineState
    kind: NodeKind
    node_type: str
    market: str
    zone: str
    launched_at: float
    pool: str
    lease_id: str
    lease_expires_at: float
    ended_at: float | None = None
    billed_s: float | None = None
    end_reason: str = ""
    reclaimed: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """What a provider answered, asked at `at` (Unix seconds)."""

    at: float
    machines: tuple[Machine, ...]

    def of(self, pool: str) -> list[Machine]:
        """The machines of one pool."""
        return [machine for machine in self.machines if machine.pool == pool]


@dataclass(frozen=True, slots=True)
class Stray:
    """A machine that should not be there, with the reason. `tries` counts how often its end was asked for in vain."""

    machine: Machine
    why: str
    tries: int = 0
    error: str = ""
