"""From what is written to typed settings: names, types and checks, every mistake at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, Field
from typing import Any, get_args, get_origin

from common.fields import Workers, did_you_mean, is_group, kinds, paths
from common.sources import Broken, Mistake, Sources

TRUE, FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


class Reader:
    """Builds dataclasses. Where there were mistakes, what it returns is of no use."""

    def __init__(self, cls: type, sources: Sources) -> None:
        self.sources = sources
        self.mistakes = list(sources.mistakes)
        self._known = list(paths(cls))

    def group(self, cls: type, values: Any, key: str = "") -> Any:
        """A dataclass of settings from a mapping. Its own `check` runs once all in it is right."""
        values = {} if values is None else values  # a name with nothing below it leaves the defaults
        before = len(self.mistakes)
        if not isinstance(values, dict):
            self._wrong(key, f"{values!r} is not a group of settings; there are {', '.join(self._below(key))}")
            return None
        found = {f.name: (f, kind) for f, kind in kinds(cls)}
        dotted = {name: f"{key}.{name}" if key else name for name in [*values, *found]}
        for name in [name for name in values if name not in found]:
            self._wrong(dotted[name], f"there is no such setting{self._meant(dotted[name], key)}")
        given = {
            name: self._checked(f, kind, values[name], dotted[name])
            for name, (f, kind) in found.items()
            if name in values
        }
        return self._built(cls, given, key) if len(self.mistakes) == before else None

    def _built(self, cls: type, given: dict[str, Any], key: str) -> Any:
        try:
            settings = cls(**given)
            getattr(settings, "check", lambda: None)()
        except ValueError as error:
            where = self.sources.where_of_group(key)
            self.mistakes += [Mistake(where, key, line) for line in str(error).splitlines()]
            return None
        return settings

    def _checked(self, f: Field[Any], kind: Any, value: Any, key: str) -> Any:
        before = len(self.mistakes)
        settled = self._value(kind, value, key, f.default)
        check = f.metadata.get("check")
        if check is not None and len(self.mistakes) == before:
            self._try(check, settled, key)
        return settled

    def _value(self, kind: Any, value: Any, key: str, example: Any = MISSING) -> Any:
        if isinstance(value, Broken):
            return self._wrong(key, value.why)
        if is_group(kind):
            return self.group(kind, value, key)
        if get_origin(kind) in (list, tuple):
            return self._items(kind, value, key)
        if get_origin(kind) is dict:
            return self._entries(kind, value, key)
        if isinstance(value, dict | list):
            return self._wrong(key, f"{value!r} is not a single value{_such_as(example)}")
        return self._try(lambda text: SINGLE[kind](text, _such_as(example)), self._text(value, key), key)

    def _items(self, kind: Any, value: Any, key: str) -> Any:
        if not isinstance(value, list):
            return self._wrong(key, f"{self._text(value, key)!r} is not a list, such as [a, b]")
        args = get_args(kind)
        is_fixed = get_origin(kind) is tuple and args[-1] is not ...
        if is_fixed and len(value) != len(args):
            return self._wrong(key, f"{value!r} has {len(value)} items: there must be {len(args)}")
        each = args if is_fixed else args[:1] * len(value)
        items = zip(each, value, strict=True)
        return get_origin(kind)(self._value(a, item, f"{key}.{i}") for i, (a, item) in enumerate(items))

    def _entries(self, kind: Any, value: Any, key: str) -> Any:
        if value is None:
            return {}
        if not isinstance(value, dict):
            return self._wrong(key, f"{self._text(value, key)!r} is not a mapping, such as {{name: value}}")
        return {name: self._value(get_args(kind)[1], item, f"{key}.{name}") for name, item in value.items()}

    def _text(self, value: Any, key: str) -> str:
        """As it is written, unless it comes from elsewhere."""
        origin = self.sources.origins.get(key)
        if origin is None or origin.text is None or "${" in origin.text:
            return "" if value is None else str(value)
        return "" if value is None and origin.text in ("null", "~") else origin.text

    def _try(self, call: Callable[[Any], Any], value: Any, key: str) -> Any:
        try:
            return call(value)
        except ValueError as error:
            return self._wrong(key, str(error))

    def _wrong(self, key: str, what: str) -> None:
        self.mistakes.append(Mistake(self.sources.where(key), key, what))

    def _meant(self, key: str, group: str) -> str:
        """The setting of that name in another group, else one that is spelled alike, else all that are here."""
        last = key.rpartition(".")[2]
        named = [path for path in self._known if path.rpartition(".")[2] == last]
        if named:
            return f"; did you mean {' or '.join(map(repr, named))}?"
        here = {path.rpartition(".")[2]: path for path in self._below(group)}
        anywhere = {path.rpartition(".")[2]: path for path in self._known}
        return did_you_mean(last, here) or did_you_mean(last, anywhere) or f"; there are {', '.join(here.values())}"

    def _below(self, group: str) -> list[str]:
        """The settings and groups right in a group."""
        start = f"{group}." if group else ""
        below = (path.removeprefix(start).partition(".")[0] for path in self._known if path.startswith(start))
        return [f"{start}{name}" for name in dict.fromkeys(below)]


def _whole(text: str, such_as: str) -> int:
    try:
        number = float(text)  # 1e6 is a whole number, too
        return int(text) if text.lstrip("+-").replace("_", "").isdecimal() else _exact(number)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is not a whole number{such_as}") from None


def _exact(number: float) -> int:
    if not number.is_integer():
        raise ValueError
    return int(number)


def _number(text: str, such_as: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number{such_as}") from None


def _truth(text: str, _such_as: str) -> bool:
    if text.lower() not in TRUE + FALSE:
        raise ValueError(f"{text!r} is neither true nor false")
    return text.lower() in TRUE


def _such_as(example: Any) -> str:
    return "" if example is MISSING or example == "" else f", such as {example}"


SINGLE: dict[Any, Callable[[str, str], Any]] = {
    int: _whole,
    float: _number,
    bool: _truth,
    str: lambda text, _: text,
    Workers: lambda text, _: Workers.of(text),
}
