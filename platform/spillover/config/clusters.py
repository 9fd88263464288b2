"""Fills a launched pool's node types in from its Ray cluster YAML, and finds where the two do not agree.

That YAML stays plain Ray: shapes are said there once, prices here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .cluster_file import ClusterFile, read_cluster_file
from .mistakes import KeyPath, Mistake, Place, nearest
from .positions import mapping
from .source import Source

# Ray's own, where the cluster YAML does not say.
_RAY_MAX_WORKERS = 2


def fill_from_cluster(source: Source, name: str, pool: dict[str, Any]) -> Iterator[Mistake]:
    """Make the YAML's name absolute, and add `resources`, `max_nodes` and `labels` where the settings do not say."""
    path = ("pools", name, "cluster")
    if not isinstance(pool.get("cluster"), str):
        return
    shown = source.named(path, pool["cluster"])
    cluster = read_cluster_file(shown)
    if not isinstance(cluster, ClusterFile):
        yield _unreadable(source, path, pool["cluster"], *cluster)
        _stand_in(pool)
        return
    pool["cluster"] = str(shown.absolute())
    source.clusters[name] = cluster
    yield from _fill(cluster, ("pools", name, "node_types"), mapping(pool.get("node_types")))


def _unreadable(source: Source, path: KeyPath, value: str, text: str, line: int) -> Mistake:
    file = source.named(path, value)
    if line:
        return Mistake((), text, at=Place(str(file), line, file.parent))
    beside = [] if file.exists() or not file.parent.is_dir() else file.parent.glob("*.y*ml")
    names = [other.name for other in beside if other.absolute() != source.file.absolute()]
    return Mistake(path, text, value, nearest(file.name, names))


def _stand_in(pool: dict[str, Any]) -> None:
    """What the YAML would have said is not asked for a second time."""
    for settings in mapping(pool.get("node_types")).values():
        if isinstance(settings, dict):
            settings.setdefault("resources", {"CPU": 1})
            settings.setdefault("max_nodes", 1)


def _fill(cluster: ClusterFile, path: KeyPath, types: dict[str, Any]) -> Iterator[Mistake]:
    theirs, file = cluster.node_types, cluster.shown.name
    meant: set[str | None] = set()
    for type_name, settings in types.items():
        if theirs and type_name not in theirs:
            near = nearest(type_name, map(str, theirs))
            meant.add(near)
            known = "" if near else f"; it has {', '.join(map(str, theirs))}"
            yield Mistake((*path, str(type_name)), f"{file} has no such node type{known}", meant=near)
            _stand_in({"node_types": {type_name: settings}})
        elif theirs and isinstance(settings, dict):
            yield from _fill_type(cluster, type_name, (*path, str(type_name)), settings)
    for type_name in theirs.keys() - types.keys() - meant if types else ():
        # A node whose price nobody wrote would be billed as nothing.
        if max_nodes(cluster, type_name) > 0:
            yield Mistake((*path, str(type_name)), f"{file} may start such nodes: say here what they cost")


def _fill_type(cluster: ClusterFile, name: str, path: KeyPath, settings: dict[str, Any]) -> Iterator[Mistake]:
    theirs, cap, file = mapping(cluster.node_types[name]), max_nodes(cluster, name), cluster.shown.name
    settings.setdefault("max_nodes", cap)
    # What Ray's schema refuses is told with that file's line, and here it is left out
    resources, labels = mapping(theirs.get("resources")), mapping(theirs.get("labels"))
    if resources:
        amounts = {str(k): v for k, v in resources.items() if isinstance(v, int | float) and v >= 0}
        settings.setdefault("resources", amounts or {"CPU": 1})
    if labels:
        settings.setdefault("labels", {str(k): v for k, v in labels.items() if isinstance(v, str)})
    if "resources" not in settings:
        yield Mistake((*path, "resources"), f"is required: {file} does not say what such a node has")
    asked = settings["max_nodes"]
    if isinstance(asked, int) and asked > cap:
        yield Mistake((*path, "max_nodes"), f"{file} allows {cap}", asked)


def max_nodes(cluster: ClusterFile, type_name: str) -> int:
    """Ray's rules: the head's type has no workers unless it says so, the others as many as the whole cluster."""
    whole = _count(cluster.filled.get("max_workers"), _RAY_MAX_WORKERS)
    default = 0 if type_name == cluster.head_type else whole
    return max(0, min(whole, _count(mapping(cluster.node_types[type_name]).get("max_workers"), default)))


def _count(value: Any, default: int) -> int:
    return value if isinstance(value, int) else default
