"""Clusters of local processes: where they would lie, and why that cannot be."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..adapters.launched_pool import local_layout
from ..config import ClusterFile, Mistake
from ..node.local_layout import Layout

_REQUIRED = {"root": "the folder of state, tokens and logs", "port_base": "the first of 400 ports"}


@dataclass
class Layouts:
    """By pool: where its local cluster lies. `unclear` are pools whose cluster YAML says too little to go on."""

    found: dict[str, Layout] = field(default_factory=dict)
    unclear: set[str] = field(default_factory=set)
    mistakes: list[Mistake] = field(default_factory=list)


def layouts_of(clusters: Mapping[str, ClusterFile]) -> Layouts:
    """Read every launched pool's place."""
    layouts = Layouts()
    for name, file in clusters.items():
        provider = file.tree.get("provider")
        if not isinstance(provider, dict) or not isinstance(file.tree.get("cluster_name"), str):
            layouts.unclear.add(name)  # Ray's schema says the rest
            continue
        wrong = list(_missing(file, provider))
        try:
            layout = None if wrong else local_layout(file.tree)
        except ValueError as error:
            wrong = [_blamed(file, str(error))]
        else:
            if layout:
                layouts.found[name] = layout
                wrong += _not_linux(file)
        if wrong and name not in layouts.found:
            layouts.unclear.add(name)
        layouts.mistakes += wrong
    return layouts


def _missing(file: ClusterFile, provider: Mapping[str, Any]) -> Iterator[Mistake]:
    if not str(provider.get("module", "")).startswith("spillover.node.local."):
        return
    for key, what in _REQUIRED.items():
        if key not in provider:
            yield file.mistake(("provider", key), f"is required for local nodes: {what}")
    base = provider.get("port_base", 0)
    if not isinstance(base, int):
        yield file.mistake(("provider", "port_base"), "must be a whole number", base)


def _blamed(file: ClusterFile, text: str) -> Mistake:
    """The layout's errors begin with the key that is wrong."""
    key, _, rest = text.partition(" ")
    return file.mistake(tuple(key.split(".")), text if rest.startswith("and ") else rest)


def _not_linux(file: ClusterFile) -> Iterator[Mistake]:
    here = str(sys.platform)
    if here != "linux":
        text = f"local nodes are Linux processes with addresses of their own, and this is {here}"
        yield file.mistake(("provider", "module"), text)
