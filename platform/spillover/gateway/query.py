"""Reads a query into the dataclass that says what can be asked.

Every mistake names the parameter, the value and the remedy.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, get_type_hints

from aiohttp import web

from ..domain.questions import MOST_ITEMS
from ..errors import BadRequest

Q = TypeVar("Q")


def read_query(request: web.Request, kind: type[Q]) -> Q:
    """The query as a `kind`. Raises BadRequest."""
    fields = {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type]  # kinds are dataclasses
    query = known_query(request, tuple(fields))
    types = get_type_hints(kind)
    read = {name: _value(fields[name], types[name], text) for name, text in query.items()}
    return kind(**{name: value for name, value in read.items() if value not in (None, ())})


def known_query(request: web.Request, known: tuple[str, ...]) -> Mapping[str, str]:
    """The query, refusing what would be silently ignored."""
    for name, value in request.query.items():
        if not value.isprintable():
            raise BadRequest(f"The query parameter {name!a} holds what is no text")
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known) or 'none'}"
            raise BadRequest(f"Unknown query parameter {name!a}; {hint}")
    return dict(request.query)


def _value(field: dataclasses.Field[Any], kind: Any, text: str) -> Any:
    read = _READERS.get(kind, _text)
    value = read(field.name, text)
    for word in value if isinstance(value, tuple) else (value,) if isinstance(value, str) and value else ():
        _check_choice(field, word)
    return value


def _check_choice(field: dataclasses.Field[Any], word: str) -> None:
    choices = field.metadata["choices"]
    if not choices or word in choices:
        return
    near = difflib.get_close_matches(word, choices, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(choices)}"
    raise BadRequest(f"{field.name} '{word}' is unknown; {hint}")


def _text(_: str, text: str) -> str | None:
    return text or None


def _words(_: str, text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))


def _number(name: str, text: str) -> int:
    """All whole numbers of queries are limits."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MOST_ITEMS):
        raise BadRequest(f"{name} must be a whole number from 1 to {MOST_ITEMS}, got '{text}'")
    return int(text)


def _seconds(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise BadRequest(f"{name} must be Unix seconds, got '{text}'")
    return value


def _boolean(name: str, text: str) -> bool:
    if text not in {"true", "false"}:
        raise BadRequest(f"{name} must be 'true' or 'false', got '{text}'")
    return text == "true"


_READERS: dict[Any, Callable[[str, str], Any]] = {
    tuple[str, ...]: _words,
    int: _number,
    float | None: _seconds,
    bool: _boolean,
}
