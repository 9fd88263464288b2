"""What a sweep tries of a setting: `loguniform(1e-4, 1e-2)`, `uniform(0, 1)`, `randint(1, 9)` or `choice(4, 8, 16)`."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from random import Random
from typing import Any, TypeVar

RESAMPLE = 0.25  # of the changes that population based training makes; the others are a step from what was good
FACTORS = (0.8, 1.2)
CALL = re.compile(r"(\w+)\((.*)\)")
EXAMPLES = "loguniform(1e-4, 1e-2), uniform(0, 1), randint(1, 9) or choice(4, 8, 16)"

T = TypeVar("T")
Values = dict[str, Any]  # of settings by their dotted names


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included."""

    low: float
    high: float
    is_log: bool = False
    is_whole: bool = False

    def sample(self, random: Random) -> float:
        if self.is_log:
            return self.within(math.exp(random.uniform(math.log(self.low), math.log(self.high))))
        return random.randint(int(self.low), int(self.high)) if self.is_whole else random.uniform(self.low, self.high)

    def near(self, value: float, random: Random) -> float:
        changed = value * random.choice(FACTORS)
        return int(self.within(round(changed))) if self.is_whole else self.within(changed)

    def within(self, value: float) -> float:
        return min(self.high, max(self.low, value))


@dataclass(frozen=True)
class Words:
    """One of several values; neighbours are near."""

    values: tuple[str, ...]

    def sample(self, random: Random) -> str:
        return random.choice(self.values)

    def near(self, value: str, random: Random) -> str:
        place = self.values.index(value) + random.choice((-1, 1))
        return self.values[min(len(self.values) - 1, max(0, place))]


@dataclass(frozen=True)
class Space:
    """All settings that are tried, by name."""

    of: Mapping[str, Range | Words]

    def sample(self, seed: int, trial: int) -> Values:
        """Follows from the seed and the trial's number alone, so that a sweep that is run again tries the same."""
        return {name: one.sample(Random(f"{seed} {trial} {name}")) for name, one in self.of.items()}

    def explored(self, values: Values, random: Random) -> Values:
        """Other values, most of them near."""
        return {
            name: one.sample(random) if random.random() < RESAMPLE else one.near(values[name], random)
            for name, one in self.of.items()
        }


def parse(written: Mapping[str, str]) -> Space:
    """Raises ValueError with all that cannot be read."""
    found, wrong = {}, []
    for name, text in written.items():
        try:
            found[name] = parse_one(text)
        except ValueError as error:
            wrong.append(f"space.{name}: {error}")
    if wrong or not found:
        raise ValueError(
            "\n".join(wrong) or f"space is empty: name a setting of the base, such as optimizer.rate, and {EXAMPLES}"
        )
    return Space(found)


def parse_one(text: str) -> Range | Words:
    call = CALL.fullmatch(text.strip())
    kind, inside = call.groups() if call else ("", "")
    arguments = tuple(part.strip() for part in inside.split(",") if part.strip())
    if kind == "choice" and arguments:
        return Words(arguments)
    if kind not in ("uniform", "loguniform", "randint") or len(arguments) != 2:
        raise ValueError(f"{text!r} does not read like {EXAMPLES}")
    low, high = numbers(arguments, text)
    if not low < high or (kind == "loguniform" and low <= 0):
        raise ValueError(
            f"{text!r}: the first number must be the smaller one{', and above 0' * (kind == 'loguniform')}"
        )
    return Range(low, high, is_log=kind == "loguniform", is_whole=kind == "randint")


def numbers(arguments: tuple[str, ...], text: str) -> list[float]:
    try:
        return [float(a) for a in arguments]
    except ValueError:
        raise ValueError(f"{text!r}: its two arguments must be numbers") from None


def with_values(settings: T, values: Values) -> T:
    """The settings with some replaced, checks included. Raises ValueError for a name that there is not."""
    for name, value in values.items():
        settings = _with_value(settings, name.split("."), value, name)
    return settings


def _with_value(settings: Any, path: list[str], value: Any, name: str) -> Any:
    here, *below = path
    known = [f.name for f in fields(settings)] if is_dataclass(settings) else []
    if here not in known:
        near = difflib.get_close_matches(here, known, 1)
        raise ValueError(f"space.{name}: the base has no such setting; there are {', '.join(near or known)}")
    old = getattr(settings, here)
    new = _with_value(old, below, value, name) if below else _typed(value, old, name)
    changed = replace(settings, **{here: new})
    getattr(changed, "check", lambda: None)()
    return changed


def _typed(value: Any, old: Any, name: str) -> Any:
    """As what it replaces is: choices are written as text."""
    try:
        return {int: int, float: float, str: str}[type(old)](value)
    except (KeyError, ValueError):
        raise ValueError(f"space.{name}: {value!r} cannot stand in the place of {old!r}") from None
