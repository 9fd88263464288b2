"""YAML with the line of every key, and the keys that are written twice (YAML alone keeps the last without a word)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from .mistakes import KeyPath


class _Loader(yaml.SafeLoader):
    """YAML's safe loader without dates, which no setting has, and with `1e3` as a number."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_EXPONENT = re.compile(r"^[-+]?\d+(\.\d*)?[eE][-+]?\d+$")
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _EXPONENT, list("-+0123456789"))


def read_yaml(
    text: str, loader_of: type[yaml.SafeLoader] = _Loader
) -> tuple[Any, dict[KeyPath, int], list[tuple[KeyPath, int]]]:
    """The value, the line of each key, and the keys written twice with the line of the first.

    Raises yaml.YAMLError.
    """
    loader = loader_of(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return {}, {}, []
        duplicates = list(_duplicates(root, ()))
        value = loader.construct_document(root)
        return value, dict(_lines(root, ())), duplicates
    finally:
        loader.dispose()


def why_unreadable(error: OSError | yaml.YAMLError | UnicodeDecodeError) -> tuple[str, int]:
    """What is wrong with a file that could not be read, and the line of it, 0 if there is none."""
    if isinstance(error, OSError):
        return f"cannot be read: {error.strerror}", 0
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        return f"is no YAML: {error.problem}", error.problem_mark.line + 1
    return f"is no YAML: {str(error).splitlines()[0]}", 0


def mapping(value: Any) -> dict[Any, Any]:
    """The value if it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def _children(node: yaml.Node) -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
    """(key or index, where it is written, value) of everything right below a node."""
    if isinstance(node, yaml.MappingNode):
        yield from ((key.value, key, value) for key, value in node.value if isinstance(key, yaml.ScalarNode))
    elif isinstance(node, yaml.SequenceNode):
        yield from ((str(i), item, item) for i, item in enumerate(node.value))


def _lines(node: yaml.Node, path: KeyPath) -> Iterator[tuple[KeyPath, int]]:
    for key, written, value in _children(node):
        yield (*path, key), written.start_mark.line + 1
        yield from _lines(value, (*path, key))


def _duplicates(node: yaml.Node, path: KeyPath, around: tuple[yaml.Node, ...] = ()) -> Iterator[tuple[KeyPath, int]]:
    if any(node is outer for outer in around):
        raise yaml.MarkedYAMLError(None, None, "an alias refers to what it is part of", node.start_mark)
    first: dict[str, int] = {}
    for key, written, value in _children(node):
        if key in first and key != "<<":
            yield (*path, key), first[key]
        first.setdefault(key, written.start_mark.line + 1)
        yield from _duplicates(value, (*path, key), (*around, node))
