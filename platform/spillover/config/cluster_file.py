"""A Ray cluster YAML with the line of every key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from .mistakes import NOT_SHOWN, KeyPath, Mistake, Place, nearest
from .positions import mapping, read_yaml, why_unreadable
from .ray_defaults import as_ray_takes_it


@dataclass(frozen=True)
class ClusterFile:
    """`shown` is its name as people wrote it, `twice` the keys that are written twice with the line of the first."""

    shown: Path
    tree: dict[str, Any]
    lines: Mapping[KeyPath, int] = field(hash=False)
    twice: tuple[tuple[KeyPath, int], ...] = ()

    @cached_property
    def filled(self) -> dict[str, Any]:
        """The tree with what Ray fills in before it checks it."""
        return as_ray_takes_it(self.tree)

    @property
    def node_types(self) -> dict[str, Any]:
        """Node types by name, Ray's own where the file names none."""
        return mapping(self.filled.get("available_node_types"))

    @property
    def head_type(self) -> str | None:
        """The head's node type; of a name that is wrong, the nearest."""
        head = self.filled.get("head_node_type")
        return head if head in self.node_types else nearest(head, map(str, self.node_types))

    def mistake(
        self, path: KeyPath, text: str, value: Any = NOT_SHOWN, *, meant: str | None = None, warning: bool = False
    ) -> Mistake:
        """A mistake at a key of this file, or at the nearest one around it."""
        line = next((self.lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in self.lines), 1)
        return Mistake(path, text, value, meant, Place(str(self.shown), line, self.shown.parent), warning)


def read_cluster_file(shown: Path) -> ClusterFile | tuple[str, int]:
    """The cluster, or what is wrong with its file and in which line (0: the file itself)."""
    try:
        # As Ray reads it: what its loader takes for a date or a text must not pass for something else
        tree, lines, twice = read_yaml(shown.read_text(), yaml.SafeLoader)
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        return why_unreadable(error)
    if not isinstance(tree, dict) or not {"cluster_name", "provider"} & tree.keys():
        return "is no Ray cluster YAML: 'cluster_name' and 'provider' are missing", 0
    return ClusterFile(shown, tree, lines, tuple(twice))
