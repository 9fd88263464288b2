"""A cluster YAML against Ray's own schema, with every mistake at its line. Ray stops at the first."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from jsonschema import Draft7Validator, ValidationError

from .cluster_file import ClusterFile
from .mistakes import KeyPath, Mistake, nearest, one_of
from .positions import mapping
from .ray_defaults import LEGACY, autoscaler_folder

_TYPES = {
    "object": "a mapping of keys to values",
    "array": "a list",
    "string": "text (quote it)",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}


def schema_mistakes(file: ClusterFile) -> Iterator[Mistake]:
    """What Ray's schema does not allow."""
    yield from _names(file)
    for error in _validator().iter_errors(_texts(file.filled)):
        yield from _told(file, error)


@cache
def _validator() -> Draft7Validator:
    return Draft7Validator(json.loads((autoscaler_folder() / "ray-schema.json").read_text()))


def _names(file: ClusterFile) -> Iterator[Mistake]:
    """Names that YAML takes for something else than text: Ray's validator dies of them."""
    types = mapping(file.tree.get("available_node_types"))
    yield from _no_texts(file, ("available_node_types",), types)
    for name, node_type in types.items():
        for key in ("resources", "labels"):
            path = ("available_node_types", str(name), key)
            yield from _no_texts(file, path, mapping(mapping(node_type).get(key)))


def _no_texts(file: ClusterFile, path: KeyPath, names: Iterable[Any]) -> Iterator[Mistake]:
    for name in names:
        if not isinstance(name, str):
            yield file.mistake((*path, str(name)), "is no text: quote the name")


def _texts(node: Any) -> Any:
    if isinstance(node, dict):
        return {str(key): _texts(value) for key, value in node.items()}
    return [_texts(item) for item in node] if isinstance(node, list) else node


def _told(file: ClusterFile, error: ValidationError) -> Iterator[Mistake]:
    path = tuple(str(part) for part in error.absolute_path)
    if error.validator == "additionalProperties":
        yield from _unknown(file, path, error)
    elif error.validator == "required":
        missing = [key for key in error.validator_value if key not in error.instance]
        yield from (file.mistake((*path, key), "is required") for key in missing)
    else:
        yield file.mistake(path, _text(error), error.instance, meant=_meant(error))


def _unknown(file: ClusterFile, path: KeyPath, error: ValidationError) -> Iterator[Mistake]:
    known = _properties(error.schema)
    for key in error.instance:
        if not path and key in LEGACY:
            text = "Ray no longer takes it; write 'available_node_types' and 'head_node_type'"
            yield file.mistake((key,), text)
        elif key not in known:
            yield file.mistake((*path, key), "unknown key", meant=nearest(key, known))


def _properties(schema: Any) -> Mapping[str, Any]:
    return mapping(mapping(schema).get("properties"))


def _text(error: ValidationError) -> str:
    if error.validator == "type":
        names = error.validator_value if isinstance(error.validator_value, list) else [error.validator_value]
        return "must be " + " or ".join(_TYPES[name] for name in names)
    if error.validator == "minimum":
        return f"must be {error.validator_value} or more"
    if error.validator == "enum":
        return one_of(error.validator_value)
    return str(error.message)


def _meant(error: ValidationError) -> str | None:
    return nearest(error.instance, error.validator_value) if error.validator == "enum" else None
