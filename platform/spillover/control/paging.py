"""Parts of lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from ..domain.answers import Page
from ..errors import BadRequest

T = TypeVar("T")


def page(items: Sequence[T], limit: int, after: str | None) -> Page[T]:
    """The part of `items` that follows `after`. Raises BadRequest for an `after` that no page has as its `next`.

    `after` counts the items before, so a list that changes meanwhile may repeat one or leave one out.
    """
    begin = read_after(after) or 0
    end = begin + limit
    return Page(tuple(items[begin:end]), str(end) if end < len(items) else None)


def read_after(after: str | None) -> int | None:
    """The number that an `after` is. Raises BadRequest."""
    if after is None:
        return None
    if not (after.isascii() and after.isdigit() and len(after) < 19):
        raise BadRequest(f"after '{after}' is no page's 'next'; leave it out to begin with the first page")
    return int(after)
