"""Where the nodes that are there differ from what the settings say of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping

from ..config import Mistake, warn
from ..domain.pool import Node, NodeType, Observation, Pool
from ..domain.resources import Resources
from ..placement.capacity import own_resources
from ..units import show_size

MEMORY_TOLERANCE = 0.9
"""Ray offers a part of what was free when it started: a node has a little less or more at each start."""


def working_nodes(seen: Observation) -> list[Node]:
    """Nodes that can run work: a head that has nothing but memory is left out."""
    return [node for node in seen.nodes if not node.is_head or own_resources(node)]


def differences(pool: Pool, seen: Observation) -> Iterator[Mistake]:
    """A warning for each node type whose nodes are larger, smaller, more or fewer than the settings say."""
    nodes: dict[str, list[Node]] = defaultdict(list)
    for node in working_nodes(seen):
        node_type = pool.type_of(node) or pool.node_types[0]
        nodes[node_type.name].append(node)
    if not nodes:
        yield warn(("pools", pool.name, "node_types"), "the cluster has no node now that could run work")
        return
    for node_type in pool.node_types:
        yield from _shapes(pool, node_type, nodes[node_type.name])
        yield from _count(pool, node_type, len(nodes[node_type.name]))


def _shapes(pool: Pool, node_type: NodeType, nodes: Iterable[Node]) -> Iterator[Mistake]:
    """What the nodes have otherwise, said once for all that are alike."""
    others = Counter(_otherwise(node_type.resources, node.resources) for node in nodes)
    for (said, there), count in others.items():
        if said or there:
            have = f"{count} nodes there have" if count > 1 else "a node there has"
            path = ("pools", pool.name, "node_types", node_type.name, "resources")
            yield warn(path, f"{have} {there}", said)


def _count(pool: Pool, node_type: NodeType, count: int) -> Iterator[Mistake]:
    if count == node_type.max_nodes:
        return
    path, most = ("pools", pool.name, "node_types", node_type.name, "max_nodes"), node_type.max_nodes
    there = f"{count or 'no'} such node{'' if count == 1 else 's'} {'is' if count == 1 else 'are'} there now"
    rest = "" if count > most else ": jobs that need more wait until there are"
    yield warn(path, there + rest, most)


def _otherwise(said: Resources, there: Resources) -> tuple[str, str]:
    """The amounts that differ, as the settings say them and as they are; both empty if none does."""
    names = [name for name in dict.fromkeys(["CPU", "GPU", *said]) if not _alike(name, said, there)]
    return _shown(names, said), _shown(names, there)


def _alike(name: str, said: Mapping[str, float], there: Mapping[str, float]) -> bool:
    """Whatever the settings do not speak of may be there, CPUs and GPUs apart."""
    if name == "memory":
        return there.get(name, 0.0) >= said[name] * MEMORY_TOLERANCE
    return there.get(name, 0.0) == said.get(name, 0.0)


def _shown(names: Iterable[str], amounts: Mapping[str, float]) -> str:
    parts = [
        f"{name}:{show_size(amounts.get(name, 0.0)) if name == 'memory' else format(amounts.get(name, 0.0), 'g')}"
        for name in names
    ]
    return "{" + ",".join(parts) + "}" if parts else ""
