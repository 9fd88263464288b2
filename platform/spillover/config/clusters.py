"""Fills a launched pool's node types in from its Ray cluster YAML, and finds where the two do not agree.

That YAML stays plain Ray: shapes are said there once, prices here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from .mistakes import KeyPath, Mistake, nearest
from .source import Source

# Ray's own, where the cluster YAML does not say.
_RAY_MAX_WORKERS = 2


def fill_from_cluster(source: Source, name: str, pool: dict[str, Any]) -> Iterator[Mistake]:
    """Make the YAML's name absolute, and add `resources`, `max_nodes` and `labels` where the settings do not say."""
    path = ("pools", name, "cluster")
    if not isinstance(pool.get("cluster"), str):
        return
    file = source.resolve(path, pool["cluster"])
    cluster = _read(file)
    if isinstance(cluster, str):
        yield Mistake(path, cluster, pool["cluster"], _sibling(file))
        _stand_in(pool)
        return
    pool["cluster"] = str(file)
    yield from _fill(cluster, file.name, ("pools", name, "node_types"), _mapping(pool.get("node_types")))


def _read(file: Path) -> dict[str, Any] | str:
    """The cluster, or what is wrong with its file."""
    try:
        cluster = yaml.safe_load(file.read_text())
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        return f"is no YAML: {str(error).splitlines()[-1].strip()}"
    if not isinstance(cluster, dict) or not {"cluster_name", "provider"} <= cluster.keys():
        return "is no Ray cluster YAML: 'cluster_name' and 'provider' are missing"
    return cluster


def _sibling(file: Path) -> str | None:
    names = [f.name for f in file.parent.glob("*.y*ml")] if file.parent.is_dir() and not file.exists() else []
    return nearest(file.name, names)


def _stand_in(pool: dict[str, Any]) -> None:
    """What the YAML would have said is not asked for a second time."""
    for settings in _mapping(pool.get("node_types")).values():
        if isinstance(settings, dict):
            settings.setdefault("resources", {"CPU": 1})
            settings.setdefault("max_nodes", 1)


def _fill(cluster: dict[str, Any], file: str, path: KeyPath, types: dict[str, Any]) -> Iterator[Mistake]:
    theirs = _mapping(cluster.get("available_node_types"))
    meant: set[str | None] = set()
    for type_name, settings in types.items():
        if theirs and type_name not in theirs:
            near = nearest(type_name, theirs)
            meant.add(near)
            yield Mistake((*path, str(type_name)), f"{file} has no such node type", meant=near)
            _stand_in({"node_types": {type_name: settings}})
        elif theirs and isinstance(settings, dict):
            cap = _max_nodes(cluster, type_name)
            yield from _fill_type(_mapping(theirs[type_name]), cap, file, (*path, str(type_name)), settings)
    for type_name in theirs.keys() - types.keys() - meant if types else ():
        # A node whose price nobody wrote would be billed as nothing.
        if _max_nodes(cluster, type_name) > 0:
            yield Mistake((*path, str(type_name)), f"{file} may start such nodes: say here what they cost")


def _fill_type(
    theirs: dict[str, Any], cap: int, file: str, path: KeyPath, settings: dict[str, Any]
) -> Iterator[Mistake]:
    for key, value in (("resources", theirs.get("resources")), ("max_nodes", cap), ("labels", theirs.get("labels"))):
        if value is not None:
            settings.setdefault(key, value)
    asked = settings["max_nodes"]
    if isinstance(asked, int) and asked > cap:
        yield Mistake((*path, "max_nodes"), f"{file} allows {cap}", asked)


def _max_nodes(cluster: dict[str, Any], type_name: str) -> int:
    """Ray's rules: the head's type has no workers unless it says so, the others as many as the whole cluster."""
    whole = _count(cluster.get("max_workers"), _RAY_MAX_WORKERS)
    default = 0 if type_name == cluster.get("head_node_type") else whole
    return min(whole, _count(_mapping(cluster["available_node_types"][type_name]).get("max_workers"), default))


def _count(value: Any, default: int) -> int:
    return value if isinstance(value, int) else default


def _mapping(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}
