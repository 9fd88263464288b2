"""Answers of the server as the dataclasses of `domain.answers`. What newer servers say besides is left out."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from ..domain.answers import Page
from ..domain.questions import MOST_ITEMS
from ..errors import BadArgument, NoServer

T = TypeVar("T")


def one(kind: type[T], text: str, address: str) -> T:
    """The answer. Raises NoServer for one that this client does not understand."""
    return cast("T", _read(kind, text, address))


def pages(kind: type[T], ask: Callable[[Mapping[str, str | None]], str], limit: int | None, address: str) -> list[T]:
    """All items, or the first `limit`. `ask` gets a page by `limit` and `after`.

    Lists of up to 10,000 come in one page; a longer one that changes meanwhile may repeat an item or leave one out.
    """
    if limit is not None and limit < 1:
        raise BadArgument(f"limit: {limit} is not at least 1; leave it out, or write None, for all")
    items: list[T] = []
    after: str | None = None
    while limit is None or len(items) < limit:
        size = MOST_ITEMS if limit is None else min(limit - len(items), MOST_ITEMS)
        page: Page[T] = _read(Page[kind], ask({"limit": str(size), "after": after}), address)  # type: ignore[valid-type]
        items += page.items
        if page.next is None:
            break
        if page.next == after:
            raise NoServer(f"{address} answers the same page again and again. Is it Spillover?")
        after = page.next
    return items


@functools.cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _read(kind: Any, text: str, address: str) -> Any:
    try:
        return _adapter(kind).validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise NoServer(
            f"{address} answers what this client does not understand: '{where}': {first['msg']}. "
            "Is it Spillover, and not older than this client?"
        ) from None
