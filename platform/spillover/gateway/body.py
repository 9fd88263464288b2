"""Reads a JSON body into the dataclass that says what may be asked for.

Every mistake names the field, the value and the remedy.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable
from typing import Any, TypeVar, get_type_hints

from ..errors import BadRequest
from .wire import parse_own

B = TypeVar("B")


def read_body(raw: bytes, kind: type[B]) -> B:
    """The body as a `kind`. Raises BadRequest."""
    given, types = parse_own(raw), get_type_hints(kind)
    read = {name: _read(name, value, types) for name, value in given.items()}
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]  # kinds are dataclasses
        if field.default is dataclasses.MISSING and field.name not in read:
            raise BadRequest(f"'{field.name}' is missing: {field.metadata['help']}")
    return kind(**read)


def _read(name: str, value: Any, types: dict[str, Any]) -> Any:
    if name not in types:
        near = difflib.get_close_matches(name, types, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(types)}"
        raise BadRequest(f"There is no field {name!a}; {hint}")
    fits, words = _KINDS[types[name]]
    if not fits(value):
        raise BadRequest(f"{name} must be {words}, got {value!a}")
    return tuple(value) if isinstance(value, list) else value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


_KINDS: dict[Any, tuple[Callable[[Any], bool], str]] = {
    str: (lambda value: isinstance(value, str), "text"),
    int | None: (lambda value: value is None or _is_whole(value), "a whole number or null"),
    float | None: (lambda value: value is None or _is_number(value), "a number or null"),
    tuple[str, ...]: (_is_texts, "a list of texts"),
}
