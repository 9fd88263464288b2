"""Where settings come from: one YAML file and `key=value` of the command line, and which value stands where."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from common.fields import did_you_mean

COMMAND_LINE = "command line"
DEFAULT = "default"


@dataclass(frozen=True)
class Mistake:
    where: str  # FILE:LINE, or the command line
    key: str  # dotted; empty for what concerns no single setting
    what: str  # and the remedy

    def __str__(self) -> str:
        return ": ".join(part for part in (self.where, self.key, self.what) if part)


@dataclass(frozen=True)
class Origin:
    where: str
    text: str | None  # a single value as it is written: YAML takes 1:30 for 90


@dataclass(frozen=True)
class Broken:
    """A value that cannot be had, such as that of an environment variable that is not set."""

    why: str


@dataclass
class Sources:
    """What is written, later over earlier. It begins with the defaults, so that `${model.width}` finds them."""

    values: DictConfig
    origins: dict[str, Origin] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)

    def read_file(self, path: Path) -> None:
        name = short(path)
        try:
            text = path.read_text()
            node = yaml.compose(text, Loader=yaml.SafeLoader)
            if node is None:  # nothing but comments
                return
            if not isinstance(node, yaml.MappingNode):
                raise yaml.MarkedYAMLError(problem="it must hold `key: value` lines", problem_mark=node.start_mark)
            self._merge(OmegaConf.create(text))
        except (OSError, UnicodeDecodeError, yaml.YAMLError, OmegaConfBaseException) as error:
            self.mistakes.append(_unreadable(name, error))
            return
        self.origins.update(_origins(node, "", name))

    def override(self, argument: str) -> None:
        """`key=value`. What is no YAML is taken as it is: a text."""
        key, _, text = argument.partition("=")
        if not all(key.split(".")):
            self.mistakes.append(Mistake(COMMAND_LINE, "", f"'{argument}' names no setting: write key=value"))
            return
        try:
            node = yaml.compose(text, Loader=yaml.SafeLoader)
            values = OmegaConf.from_dotlist([argument])
        except yaml.YAMLError:
            node, values = None, OmegaConf.create()
            OmegaConf.update(values, key, text)
        except OmegaConfBaseException as error:
            self.mistakes.append(Mistake(COMMAND_LINE, key, _first_line(error)))
            return
        self._merge(values)
        self.origins.update({key: Origin(COMMAND_LINE, text)} if node is None else _origins(node, key, COMMAND_LINE))

    def _merge(self, later: Any) -> None:
        merged = OmegaConf.merge(self.values, later)
        assert isinstance(merged, DictConfig)  # noqa: S101 (mappings make a mapping)
        self.values = merged

    def plain(self) -> dict[str, Any]:
        """All values with their interpolations resolved."""
        values: dict[str, Any] = _plain(self.values)
        return values

    def where(self, key: str) -> str:
        """Where a setting is written, or what is in it, or else what it is a part of."""
        while key:
            for name, origin in self.origins.items():
                if f"{name}.".startswith(f"{key}."):
                    return origin.where
            key = key.rpartition(".")[0]
        return DEFAULT

    def where_of_group(self, key: str) -> str:
        """Where the settings of a group are written: there may be two such places."""
        below = [o.where for name, o in self.origins.items() if not key or f"{name}.".startswith(f"{key}.")]
        in_file = [where for where in below if where != COMMAND_LINE]
        places = [in_file[0] if key else in_file[0].rpartition(":")[0]] if in_file else []
        return " and ".join([*places, *[COMMAND_LINE] * (COMMAND_LINE in below)]) or DEFAULT


def find_file(name: str, folder: Path) -> Path:
    """A bare name is looked up in the job's folder first, with or without `.yaml`. Raises ValueError."""
    tries = [Path(name)] if os.sep in name else [folder / name, folder / f"{name}.yaml", Path(name)]
    for path in tries:
        if path.is_file():
            return path.resolve()
    known = file_names(folder)
    there_are = f"{short(folder)} has {', '.join(known) or 'none'}"
    raise ValueError(f"there is no settings file '{name}'; {there_are}{did_you_mean(name, known)}")


def short(path: Path) -> str:
    """Seen from here, if it is below."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def file_names(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.yaml"))


def _origins(node: yaml.Node, key: str, where: str) -> Iterator[tuple[str, Origin]]:
    """Of a value and all that is below it. In a file the line is that of the key."""
    if isinstance(node, yaml.MappingNode):
        below = [(str(name.value), name, value) for name, value in node.value]
    elif isinstance(node, yaml.SequenceNode):
        below = [(str(i), item, item) for i, item in enumerate(node.value)]
    else:
        below = []
    if key:
        yield key, Origin(where, node.value if isinstance(node, yaml.ScalarNode) else None)
    for name, written, value in below:
        place = where if where == COMMAND_LINE else f"{where.rpartition(':')[0] or where}:{written.start_mark.line + 1}"
        yield from _origins(value, f"{key}.{name}" if key else name, place)


def _plain(node: Any) -> Any:
    if isinstance(node, DictConfig):
        return {str(key): _item(node, key) for key in node}
    if isinstance(node, ListConfig):
        return [_item(node, i) for i in range(len(node))]
    return node


def _item(node: Any, key: Any) -> Any:
    try:
        return _plain(node[key])
    except OmegaConfBaseException as error:
        return Broken("it must be set" if OmegaConf.is_missing(node, key) else _unresolved(error))


def _unresolved(error: Exception) -> str:
    line = _first_line(error)
    return line.partition(" raised while resolving interpolation: ")[2].strip("'\"") or line


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _unreadable(name: str, error: Exception) -> Mistake:
    if isinstance(error, OSError):
        return Mistake(name, "", f"cannot be read: {error.strerror}")
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or _first_line(error)
    return Mistake(f"{name}:{mark.line + 1}" if mark else name, "", f"cannot be read: {what}")
