"""Mistakes in the settings, each with the key that is wrong and the nearest name that would have been right."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KeyPath = tuple[str, ...]

NOT_SHOWN: Any = object()


@dataclass(frozen=True)
class Place:
    """Where a key was written: line 0 where that is no line of a file. A relative path starts from `folder`."""

    name: str
    line: int
    folder: Path

    @property
    def text(self) -> str:
        """`FILE:LINE`, or what else it is."""
        return f"{self.name}:{self.line}" if self.line else self.name


@dataclass(frozen=True)
class Mistake:
    """What is wrong with the key at `path`; a warning is allowed, and rarely meant.

    `at` is set if the key was not written in the settings.
    """

    path: KeyPath
    text: str
    value: Any = NOT_SHOWN
    meant: str | None = None
    at: Place | None = None
    warning: bool = False


def warn(path: KeyPath, text: str, value: Any = NOT_SHOWN) -> Mistake:
    """A warning about the key at `path`."""
    return Mistake(path, text, value, warning=True)


def nearest(name: object, known: Iterable[str]) -> str | None:
    """The known name that looks most like this one, case aside; None if none does."""
    by_lower = {k.lower(): k for k in known}
    close = difflib.get_close_matches(str(name).lower(), by_lower, n=1)
    return by_lower[close[0]] if close else None


def told_once(mistakes: Iterable[Mistake]) -> Iterator[Mistake]:
    """Without the required keys that were only misspelt: those are told as misspelt."""
    found = list(mistakes)
    meant = {(*m.path[:-1], m.meant) for m in found if m.meant}
    yield from (m for m in found if not (m.path in meant and m.text.startswith("is required")))


def one_of(names: Iterable[str]) -> str:
    """`must be 'a' or 'b'`."""
    return "must be " + " or ".join(f"'{n}'" for n in names)
