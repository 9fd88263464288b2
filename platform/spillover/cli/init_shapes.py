"""The nodes of a cluster as node types: what is alike becomes one type."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..domain.pool import Node
from ..domain.resources import Resources

_GIB = 2**30

# Ray's own labels of single nodes, and the name of the node type itself.
_NOT_KEPT = ("ray.io/node-id", "ray.io/node-group", "ray.io/node-type-name")

_Key = tuple[str, Resources]


@dataclass(frozen=True)
class Shape:
    """A node type to write: `resources` are what each of its `count` nodes has at least."""

    name: str
    resources: Resources
    count: int
    labels: Mapping[str, str]


def shapes_of(nodes: Iterable[Node]) -> list[Shape]:
    """Nodes by their type and resources, the most numerous first. Memory, never twice the same, parts nobody."""
    groups: dict[_Key, list[Node]] = defaultdict(list)
    for node in nodes:
        groups[node.type_name, _without_memory(node.resources)].append(node)
    shapes: list[Shape] = []
    for (type_name, resources), alike in sorted(groups.items(), key=lambda group: (-len(group[1]), str(group[0]))):
        name = _new_name(type_name or _name(resources), [shape.name for shape in shapes])
        shapes.append(Shape(name, resources.plus(_memory(alike)), len(alike), common_labels(alike)))
    return shapes


def common_labels(nodes: Sequence[Node]) -> dict[str, str]:
    """The labels that all of them have, without those that Ray gives each node for itself."""
    first = nodes[0].labels
    return {
        key: value
        for key, value in sorted(first.items())
        if key not in _NOT_KEPT and all(node.labels.get(key) == value for node in nodes)
    }


def _without_memory(resources: Resources) -> Resources:
    return Resources({name: amount for name, amount in resources.items() if name != "memory"})


def _memory(nodes: Sequence[Node]) -> Resources:
    """Whole GiB: Ray offers a part of what was free when it started, a little less or more at each start."""
    least = min(node.resources.get("memory", 0.0) for node in nodes)
    return Resources({"memory": least // _GIB * _GIB})


def _name(resources: Resources) -> str:
    """`gpu4-cpu32`, `cpu8`."""
    counted = [(name, resources[name]) for name in ("GPU", "CPU") if name in resources] or list(resources.items())[:1]
    text = "-".join(f"{name.lower()}{amount:g}" for name, amount in counted)
    return re.sub(r"[^a-z0-9-]+", "-", text)


def _new_name(name: str, taken: Sequence[str]) -> str:
    return next(n for n in (name, *(f"{name}-{i}" for i in range(2, len(taken) + 3))) if n not in taken)
