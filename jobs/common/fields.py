"""What a setting is: its default, a line of help, and what its value must be. Standard library only."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import Field, dataclass, field, fields, is_dataclass
from typing import Any, Protocol, get_type_hints


class Check(Protocol):
    """Raises ValueError with what is wrong and the remedy."""

    def __call__(self, value: Any, /) -> None: ...


def said(default: Any, help: str, check: Check | None = None) -> Any:  # noqa: A002 (it reads as what it is)
    """A field of a settings dataclass. A text that must be set has the default `???`."""
    metadata = {"help": help, "check": check}
    if isinstance(default, dict | list):
        return field(default_factory=lambda: deepcopy(default), metadata=metadata)
    return field(default=default, metadata=metadata)


class Choice:
    """One of a few words."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def __call__(self, value: Any, /) -> None:
        if value not in self.names:
            raise ValueError(f"{value!r} is none of {', '.join(self.names)}{did_you_mean(str(value), self.names)}")

    def __str__(self) -> str:
        return " | ".join(self.names)


class AtLeast:
    """A number that is not too small."""

    def __init__(self, least: float) -> None:
        self.least = least

    def __call__(self, value: Any, /) -> None:
        if value < self.least:
            raise ValueError(f"{value} is too small: at least {self.least}")

    def __str__(self) -> str:
        return f"at least {self.least}"


@dataclass(frozen=True)
class Workers:
    """How many ranks there may be. `2` is as many, `1:4` as many as there is room for."""

    fewest: int
    most: int

    @classmethod
    def of(cls, text: str) -> Workers:
        fewest, colon, most = text.strip().partition(":")
        most = most if colon else fewest
        if not (fewest.isdecimal() and most.isdecimal() and 1 <= int(fewest) <= int(most)):
            raise ValueError(f"{text!r} does not read like 2, or like 1:4 for at least one and at most four")
        return cls(int(fewest), int(most))

    @property
    def is_elastic(self) -> bool:
        return self.fewest < self.most

    @property
    def range(self) -> int | tuple[int, int]:
        """As Ray Train's ScalingConfig takes it."""
        return (self.fewest, self.most) if self.is_elastic else self.most

    def __str__(self) -> str:
        return f"{self.fewest}:{self.most}" if self.is_elastic else str(self.most)


def is_group(kind: Any) -> bool:
    """True for a dataclass of settings, false for a single value such as Workers."""
    return is_dataclass(kind) and kind is not Workers


def kinds(cls: type) -> Iterator[tuple[Field[Any], Any]]:
    """The fields of a dataclass with their types."""
    hints = get_type_hints(cls)
    return ((f, hints[f.name]) for f in fields(cls))


def paths(cls: type, above: str = "") -> Iterator[str]:
    """The dotted name of every single value, groups within groups included."""
    for f, kind in kinds(cls):
        yield from paths(kind, f"{above}{f.name}.") if is_group(kind) else [f"{above}{f.name}"]


def plain(value: Any) -> Any:
    """Settings as YAML has them: mappings, lists and single values."""
    if isinstance(value, Workers):
        return str(value)
    if is_dataclass(value):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def did_you_mean(word: str, known: Mapping[str, str] | Iterable[str]) -> str:
    """`; did you mean 'x'?`, or nothing where no known word is near. A mapping says what to write for each word."""
    written = known if isinstance(known, Mapping) else {name: name for name in known}
    near = difflib.get_close_matches(word, list(written), 1)
    return f"; did you mean '{written[near[0]]}'?" if near else ""
