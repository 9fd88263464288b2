"""Mistakes in the settings, and how they are told: one line each, with the nearest name that would have been right."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .source import Source

KeyPath = tuple[str, ...]

_NOT_SHOWN: Any = object()
_LONGEST_VALUE = 80


@dataclass(frozen=True)
class Mistake:
    """What is wrong with the key at `path`. `where` is set if that is not where the key itself was written."""

    path: KeyPath
    text: str
    value: Any = _NOT_SHOWN
    meant: str | None = None
    where: str | None = None

    def line(self, source: Source) -> str:
        """`FILE:LINE: path.to.key: value 'x': what is wrong; did you mean 'y'?`."""
        parts = [self.where or source.place(self.path).text]
        if self.path:
            parts.append(".".join(self.path))
        if self.value is not _NOT_SHOWN:
            parts.append(f"value {_short(self.value)}")
        return ": ".join([*parts, self.text]) + (f"; did you mean '{self.meant}'?" if self.meant else "")


def nearest(name: object, known: Iterable[str]) -> str | None:
    """The known name that looks most like this one, case aside; None if none does."""
    by_lower = {k.lower(): k for k in known}
    close = difflib.get_close_matches(str(name).lower(), by_lower, n=1)
    return by_lower[close[0]] if close else None


def one_of(names: Iterable[str]) -> str:
    """`must be 'a' or 'b'`."""
    return "must be " + " or ".join(f"'{n}'" for n in names)


def told(mistakes: Iterable[Mistake], source: Source) -> list[str]:
    """The lines, in the order of the file; what came from elsewhere first."""
    ordered = sorted(mistakes, key=lambda m: (source.place(m.path).line, m.path))
    return list(dict.fromkeys(m.line(source) for m in ordered))


def _short(value: Any) -> str:
    yaml_words = {None: "null", True: "true", False: "false"}
    text = f"'{yaml_words[value] if value is None or isinstance(value, bool) else value}'"
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 4] + "...'"
