"""What `--set KEY=VALUE[,VALUE]` says: settings of policies and of the world, each with a list of values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from difflib import get_close_matches
from enum import StrEnum
from typing import Any

from ..errors import BadArgument
from ..placement.policies import policy_names, policy_settings
from ..units import parse_duration
from .world import World

WORLD, POLICY = "world", "policy"

Assignments = Mapping[str, Sequence[object]]
"""Values by key: `world.startup_s`, `starburst.coefficient`, or `policy.value_of_waiting` for all that have it."""

_OPEN, _CLOSE = "[{(", "]})"


def read_assignments(texts: Iterable[str]) -> dict[str, list[object]]:
    """Each `key=value,value` as a key with its values, which are YAML. Raises BadArgument."""
    import yaml  # noqa: PLC0415  # only where something is set

    found: dict[str, list[object]] = {}
    for text in texts:
        key, equals, values = text.partition("=")
        if not equals or not key.strip() or not values.strip():
            raise BadArgument(f"--set {text} says nothing; write KEY=VALUE, such as world.startup_s=60")
        try:
            found[key.strip()] = [yaml.safe_load(value) for value in _split(values)]
        except yaml.YAMLError:
            raise BadArgument(f"--set {text}: '{values}' is no value that YAML knows") from None
    return found


def _split(text: str) -> list[str]:
    """At the commas that are in no brackets."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in _OPEN) - (letter in _CLOSE)
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts if part.strip()]


def check_keys(given: Assignments, policies: Sequence[str]) -> None:
    """Raises BadArgument for an unknown policy, and for a key that sets nothing of those that are run or the world."""
    for name in policies:
        if name not in policy_names():
            near = get_close_matches(name, policy_names(), n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(policy_names())}"
            raise BadArgument(f"unknown policy '{name}'; {hint}")
    for key in given:
        if key not in _known(policies):
            _refuse(key, policies)


def _known(policies: Sequence[str]) -> list[str]:
    own = [f"{name}.{setting.name}" for name in policies for setting in policy_settings(name)]
    any_of_them = dict.fromkeys(f"{POLICY}.{key.partition('.')[2]}" for key in own)
    return [*any_of_them, *own, *(f"{WORLD}.{name}" for name in _world_names())]


def _refuse(key: str, policies: Sequence[str]) -> None:
    room, _, name = key.partition(".")
    known = _known(policies)
    if room in policy_names() and room not in policies and f"{room}.{name}" in _known([room]):
        raise BadArgument(f"--set {key}: '{room}' is not run; add --policy {room}")
    near = get_close_matches(key, known, n=1) or [full for full in known if name and full.endswith(f".{name}")][:1]
    hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(known)}"
    raise BadArgument(f"--set {key}: nothing is called that; {hint}")


def settings_of(policy: str, given: Assignments) -> dict[str, Sequence[object]]:
    """What is set of one policy: `policy.` for all that have it, its own name wins."""
    own = {setting.name for setting in policy_settings(policy)}
    found: dict[str, Sequence[object]] = {}
    for room in (POLICY, policy):
        for key, values in given.items():
            prefix, _, name = key.partition(".")
            if prefix == room and name in own:
                found[name] = values
    return found


def world_with(world: World, given: Assignments) -> World:
    """The world as it is set. Raises BadArgument: it has one value of each."""
    changes: dict[str, Any] = {}
    for key, values in given.items():
        room, _, name = key.partition(".")
        if room != WORLD:
            continue
        if name not in _world_names():
            _refuse(key, ())
        if len(values) != 1:
            raise BadArgument(f"--set {key} has {len(values)} values; a backtest has one world: run it once for each")
        changes[name] = _as_kind(key, name, values[0], getattr(world, name))
    return replace(world, **changes)


def _world_names() -> list[str]:
    return [field.name for field in fields(World) if field.name != "spot"]


def _as_kind(key: str, name: str, value: object, present: object) -> object:
    """The value as what the world has there."""
    try:
        if isinstance(present, bool):
            return _of_kind(value, bool)
        if isinstance(present, StrEnum):
            return type(present)(str(value))
        if isinstance(present, tuple):
            sizes = value if isinstance(value, list) else [value]
            return tuple(sorted(int(_of_kind(size, int)) for size in sizes))
        if isinstance(present, int):
            return _at_least_zero(_of_kind(value, int))
        return parse_duration(value) if name.endswith("_s") else _at_least_zero(_number(value))
    except ValueError as error:
        wrong = f"is none of {', '.join(type(present))}" if isinstance(present, StrEnum) else str(error)
        raise BadArgument(f"--set {key}={value}: '{value}' {wrong}; it is {present} without") from None


def _of_kind(value: object, kind: type) -> Any:
    if type(value) is not kind:
        raise ValueError("is neither true nor false" if kind is bool else "is no whole number")
    return value


def _number(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        raise ValueError("is no number") from None


def _at_least_zero(value: float) -> float:
    if not value >= 0:
        raise ValueError("is below 0")
    return value
