"""What a pool's provider says of its nodes. A node is gone only when the provider no longer lists it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
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
