"""Pydantic's errors as mistakes in plain words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, cast, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from .mistakes import KeyPath, Mistake, nearest, one_of
from .schema import AttachedPool, LaunchedPool, Settings, keys_of

_TEXTS = {
    "dict_type": "must be a mapping of keys to values",
    "model_type": "must be a mapping of keys to values",
    "model_attributes_type": "must be a mapping of keys to values",
    "frozen_set_type": "must be a list",
    "list_type": "must be a list",
    "string_type": "must be text (quote it)",
    "path_type": "must be the name of a file",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be {le} or less",
    "too_short": "must not be empty",
}

# What to write, for keys whose absence is asked for on purpose.
_REQUIRED = {
    "price_usd_per_hour": "is required: what one node costs an hour, 0 if nothing",
    "head_price_usd_per_hour": "is required: what the head costs an hour, 0 if nothing",
    "may_burst": "is required: whether the team's jobs may leave the building (true or false)",
    "demand": "is required: what a job needs that does not say, such as '1x{CPU:1}'",
    "defaults": "is required, with 'demand'",
    "teams": "is required: at least 'default: {may_burst: true}' or false",
    "pools": "is required: at least one",
    "node_types": "is required: at least one, with its price",
    "address": "is required for an attached pool: the URL of its Ray dashboard",
    "cluster": "is required for a launched pool: the Ray cluster YAML to raise it from",
}


def mistakes_in(error: ValidationError) -> Iterator[Mistake]:
    """Every mistake that pydantic found. A required key that was only misspelt is told once, as misspelt."""
    found = [_mistake(detail) for detail in error.errors()]
    meant = {(*m.path[:-1], m.meant) for m in found if m.meant}
    missing = {_path(d["loc"]) for d in error.errors() if d["type"] == "missing"}
    yield from (m for m in found if not (m.path in meant and m.path in missing))


def _mistake(detail: ErrorDetails) -> Mistake:
    path, value, context = _path(detail["loc"]), detail["input"], detail.get("ctx", {})
    if detail["type"] == "missing":
        return Mistake(path, _REQUIRED.get(path[-1], "is required"))
    if detail["type"] == "extra_forbidden":
        return _unknown(detail["loc"], path)
    if detail["type"] == "literal_error":
        allowed = [name.strip("'") for name in context["expected"].replace(" or ", ", ").split(", ")]
        return Mistake(path, one_of(allowed), value, nearest(value, allowed))
    if detail["type"] == "value_error":
        return Mistake(path, str(context["error"]), value)
    if detail["type"] == "string_pattern_mismatch":
        return Mistake(path, _pattern_text(detail["loc"]), value)
    text = _TEXTS.get(detail["type"])
    return Mistake(path, text.format(**context) if text else detail["msg"], value)


def _pattern_text(loc: tuple[int | str, ...]) -> str:
    if loc[-1] == "[key]":
        return "is no name for a pool: write small letters, digits and '-'"
    return "must be the URL of a Ray dashboard, such as http://10.0.0.1:8265"


def _unknown(loc: tuple[int | str, ...], path: KeyPath) -> Mistake:
    model, key = _model_at(loc[:-1]), path[-1]
    if model in (AttachedPool, LaunchedPool):
        other = LaunchedPool if model is AttachedPool else AttachedPool
        if key in keys_of(other):
            mine, others = _kind(model), _kind(other)
            return Mistake(path, f"belongs to {others} pools, and this one is {mine}")
    return Mistake(path, "unknown key", meant=nearest(key, keys_of(model)))


def _kind(pool: type[BaseModel]) -> str:
    return str(get_args(pool.model_fields["kind"].annotation)[0])


def _model_at(loc: tuple[int | str, ...]) -> type[BaseModel]:
    """The model that pydantic was checking there."""
    kind: Any = Settings
    for part in loc:
        kind = _below(kind, part)
    return cast(type[BaseModel], kind)


def _below(kind: Any, part: int | str) -> Any:
    if get_origin(kind) is Annotated:
        return _below(get_args(kind)[0], part)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        found = next(f.annotation for name, f in kind.model_fields.items() if part in (name, f.alias))
        optional = [a for a in get_args(found) if a is not type(None)] if type(None) in get_args(found) else [found]
        return optional[0]
    if get_origin(kind) is dict:
        return get_args(kind)[1]
    return next(pool for pool in get_args(kind) if _kind(pool) == part)


def _path(loc: tuple[int | str, ...]) -> KeyPath:
    """Pydantic's location without its own marks: the kind of a pool, and `[key]`."""
    parts = [str(part) for part in loc if part != "[key]"]
    if len(parts) > 2 and parts[0] == "pools":
        del parts[2]
    return tuple(parts)
