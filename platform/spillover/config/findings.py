"""How mistakes and warnings are told: a line each for people, an object each for programs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .mistakes import NOT_SHOWN, Mistake
from .source import Source

_LONGEST_VALUE = 80


@dataclass(frozen=True)
class Finding:
    """A mistake or a warning with the place where it was written. `line` is 0 where `file` is no file."""

    file: str
    line: int
    path: str
    value: str | None
    text: str
    meant: str | None
    warning: bool

    def __str__(self) -> str:
        """`FILE:LINE: path.to.key: value 'x': what is wrong; did you mean 'y'?`."""
        where = f"{self.file}:{self.line}" if self.line else self.file
        value = None if self.value is None else f"value '{self.value}'"
        parts = [where, "warning" if self.warning else None, self.path or None, value, self.text]
        return ": ".join(part for part in parts if part) + (f"; did you mean '{self.meant}'?" if self.meant else "")

    def as_json(self) -> dict[str, Any]:
        """For programs: what is not known is null."""
        return {
            "severity": "warning" if self.warning else "mistake",
            "file": self.file,
            "line": self.line or None,
            "path": self.path or None,
            "value": self.value,
            "text": self.text,
            "did_you_mean": self.meant,
        }


def told(mistakes: Iterable[Mistake], source: Source) -> list[Finding]:
    """Each once, in the order of the settings file; what came from elsewhere first, other files' last."""

    def order(mistake: Mistake) -> tuple[int, str, int, tuple[str, ...]]:
        at = mistake.at or source.place(mistake.path)
        other = at.line > 0 and at.name != str(source.file)
        return (2 if other else at.line > 0, at.name if other else "", at.line, mistake.path)

    return list(dict.fromkeys(_finding(m, source) for m in sorted(mistakes, key=order)))


def _finding(mistake: Mistake, source: Source) -> Finding:
    at = mistake.at or source.place(mistake.path)
    value = None if mistake.value is NOT_SHOWN else _short(mistake.value)
    return Finding(at.name, at.line, ".".join(mistake.path), value, mistake.text, mistake.meant, mistake.warning)


def _short(value: Any) -> str:
    yaml_words = {None: "null", True: "true", False: "false"}
    text = str(yaml_words[value] if value is None or isinstance(value, bool) else value)
    return text if len(text) <= _LONGEST_VALUE - 2 else text[: _LONGEST_VALUE - 5] + "..."
