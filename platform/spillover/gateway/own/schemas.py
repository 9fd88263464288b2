"""JSON schemas of what Spillover's own API takes and answers, made from the dataclasses that it is written with."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args, get_type_hints

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from ...domain.questions import MOST_ITEMS

SCHEMAS = "#/components/schemas/"

# Names end in their unit (`domain.answers`). The first that fits.
_UNITS = (
    (re.compile(r".*_usd_per_hour|usd_per_hour"), "US dollars per hour."),
    (re.compile(r"(.*_)?usd"), "US dollars."),
    (re.compile(r".*_s|node_seconds"), "Seconds."),
    (re.compile(r"(.*_)?at|as_of|since|until"), "Unix seconds."),
)
_LISTS = {tuple[str, ...]: str}
_TYPES: dict[Any, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}


def schemas_of(answers: Iterable[Any], bodies: Iterable[Any]) -> tuple[dict[Any, Any], dict[str, Any]]:
    """The schema of each type, by type, and those that they refer to, by name."""
    kinds = dict.fromkeys(answers, "serialization") | dict.fromkeys(bodies, "validation")
    found, rest = TypeAdapter.json_schemas(
        [(kind, mode, TypeAdapter(kind)) for kind, mode in kinds.items()],  # type: ignore[misc]  # modes are literals
        ref_template=SCHEMAS + "{model}",
        schema_generator=_Generator,
    )
    named = {name: _plain(schema) for name, schema in rest["$defs"].items()}
    for body in (kind for kind, mode in kinds.items() if mode == "validation"):
        _describe_body(named[body.__name__], body)
    return {kind: schema for (kind, _), schema in found.items()}, named


class _Generator(GenerateJsonSchema):
    """Answers hold all of their fields, and no field has a title that only repeats its name."""

    def field_is_required(self, field: Any, total: bool) -> bool:  # noqa: FBT001  # pydantic's signature
        return self.mode == "serialization" or super().field_is_required(field, total)

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def normalize_name(self, name: str) -> str:
        return super().normalize_name(re.sub(r"(\w+)\[(\w+)\]", r"\2\1", name))


def _plain(schema: Mapping[str, Any]) -> dict[str, Any]:
    fields = schema["properties"]
    return {**schema, "properties": {name: _with_unit(name, _short(fields[name])) for name in fields}}


def _short(schema: Mapping[str, Any]) -> dict[str, Any]:
    """`type: [number, null]` for what may be either, and no default where it is only null."""
    short = {k: v for k, v in schema.items() if not (k == "default" and not v)}
    either = short.get("anyOf", ())
    if either and all(part.keys() == {"type"} for part in either):
        del short["anyOf"]
        short["type"] = [part["type"] for part in either]
    return short


def _with_unit(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    types = schema.get("type", ())
    if "number" not in ([types] if isinstance(types, str) else types):
        return schema
    unit = next((text for pattern, text in _UNITS if pattern.fullmatch(name)), None)
    return {**schema, "description": unit} if unit else schema


def _describe_body(schema: dict[str, Any], kind: type) -> None:
    """A body with a field that is not known is refused."""
    schema["additionalProperties"] = False
    for field in dataclasses.fields(kind):
        schema["properties"][field.name] |= _said_of(field)


def _said_of(field: dataclasses.Field[Any]) -> dict[str, Any]:
    said = {"description": field.metadata.get("help"), "enum": list(field.metadata.get("choices", ()))}
    return {name: value for name, value in said.items() if value}


def query_parameters(kind: type) -> list[dict[str, Any]]:
    """The parameters that `gateway.query.read_query` reads."""
    types = get_type_hints(kind)
    return [_query_parameter(field, types[field.name]) for field in dataclasses.fields(kind)]


def _query_parameter(field: dataclasses.Field[Any], kind: Any) -> dict[str, Any]:
    shape: dict[str, Any] = {"name": field.name, "in": "query", "description": field.metadata["help"]}
    choices = {"enum": list(field.metadata["choices"])} if field.metadata["choices"] else {}
    if kind in _LISTS:
        items = {"type": _TYPES[_LISTS[kind]], **choices}
        return {**shape, "style": "form", "explode": False, "schema": {"type": "array", "items": items}}
    schema: dict[str, Any] = {"type": _TYPES[_without_none(kind)], **choices}
    if kind is int:
        schema |= {"minimum": 1, "maximum": MOST_ITEMS}
    if field.default is not None:
        schema["default"] = field.default
    return {**shape, "schema": schema}


def _without_none(kind: Any) -> Any:
    parts: Sequence[Any] = [part for part in get_args(kind) if part is not type(None)]
    return parts[0] if parts else kind
