"""Reads the settings file, the environment and the command line into one tree that knows where each key was written.

OmegaConf merges them, later ones win: file < environment < command line.

- Environment: `SPILLOVER__listen__port=8000`. Names are parted by two underscores. A name stands for the key that the
  file has at that place, case aside and `_` for `-`, since shells take no `-`; else for the setting of that name, case
  aside; else it is taken as written.
- Command line: `listen.port=8000`, or `pools.aws.node_types[ray.worker].max_nodes=3` where a name has a dot.

Values are read as YAML.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import yaml
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ..errors import SettingsError
from .mistakes import KeyPath, Mistake
from .positions import read_yaml
from .schema import ALL_KEYS

ENV_PREFIX = "SPILLOVER__"


@dataclass(frozen=True)
class Place:
    """Where a key was written. `folder` is what a relative path starts from."""

    text: str
    line: int
    folder: Path


@dataclass
class Source:
    """The merged tree, where its keys come from, and what was wrong with the reading of it."""

    file: Path
    tree: dict[str, Any] = field(default_factory=dict)
    places: dict[KeyPath, Place] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)

    def place(self, path: KeyPath) -> Place:
        """Where the key was written, or else the nearest one around it."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.places:
                return self.places[path[:end]]
        return Place(f"{self.file}:1", 1, self.file.parent)

    def resolve(self, path: KeyPath, text: str) -> Path:
        """A file name from the settings as an absolute path."""
        return (self.place(path).folder / Path(text).expanduser()).absolute()


def read_source(file: Path, overrides: Sequence[str], environ: Mapping[str, str]) -> Source:
    """Read and merge. Raises SettingsError where there is no tree to go on with."""
    source = Source(file)
    tree = _read_file(source)
    config = _create(source, tree)
    for where, nested in [*_from_environment(source, environ, tree), *_from_command_line(source, overrides)]:
        config = _merge(source, config, where, nested)
    source.tree = _resolved(source, config, ())
    return source


def _read_file(source: Source) -> dict[Any, Any]:
    try:
        text = source.file.read_text()
        tree, lines, duplicates = read_yaml(text)
    except OSError as error:
        raise SettingsError([f"{source.file}: cannot be read: {error.strerror}"]) from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SettingsError([f"{source.file}:{line}: is no YAML: {error.problem}"]) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError([f"{source.file}: is no YAML: {error}"]) from error
    if not isinstance(tree, dict):
        raise SettingsError([f"{source.file}:1: is no settings file: it must be a mapping of keys to values"])
    source.places = {p: Place(f"{source.file}:{n}", n, source.file.parent) for p, n in lines.items()}
    for path, line in duplicates:
        source.mistakes.append(Mistake(path, f"is written twice, here and in line {line}"))
    return tree


def _create(source: Source, tree: dict[Any, Any]) -> DictConfig:
    try:
        return OmegaConf.create(tree)
    except OmegaConfBaseException as error:
        raise SettingsError([f"{source.file}: {error.full_key}: {_first_line(error)}"]) from error


def _from_environment(
    source: Source, environ: Mapping[str, str], tree: dict[Any, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, text in sorted(environ.items()):
        if name.startswith(ENV_PREFIX):
            try:
                nested: Any = yaml.safe_load(text)
            except yaml.YAMLError as error:
                source.mistakes.append(Mistake((), f"'{text}' is no YAML: {_first_line(error)}", where=name))
                continue
            for key in reversed(_known(name.removeprefix(ENV_PREFIX).split("__"), tree)):
                nested = {key: nested}
            yield f"environment {name}", nested


def _known(names: list[str], tree: Any) -> list[str]:
    """The names as the file writes them."""
    found = []
    for name in names:
        found.append(_known_key(name, tree if isinstance(tree, dict) else {}))
        tree = tree.get(found[-1]) if isinstance(tree, dict) else None
    return found


def _known_key(name: str, tree: dict[Any, Any]) -> str:
    if name in tree:
        return name
    same = [k for k in tree if isinstance(k, str) and _shell_name(k) == _shell_name(name)]
    otherwise = name.lower() if name.lower() in ALL_KEYS else name
    return same[0] if same else otherwise


def _shell_name(key: str) -> str:
    return key.lower().replace("-", "_")


def _from_command_line(source: Source, overrides: Iterable[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    for item in overrides:
        key, equals, _ = item.partition("=")
        if not equals or not key:
            source.mistakes.append(Mistake((), f"'{item}' is no setting; write key=value", where="command line"))
            continue
        try:
            yield "command line", _plain(OmegaConf.from_dotlist([item]))
        except (OmegaConfBaseException, yaml.YAMLError) as error:
            source.mistakes.append(Mistake((), f"'{item}': {_first_line(error)}", where="command line"))


def _merge(source: Source, config: DictConfig, where: str, nested: dict[str, Any]) -> DictConfig:
    try:
        merged = OmegaConf.merge(config, nested)
    except (OmegaConfBaseException, TypeError) as error:
        source.mistakes.append(Mistake((), f"{nested} does not fit the file: {_first_line(error)}", where=where))
        return config
    place = Place(where, 0, Path.cwd())
    for path in _leaves(nested, ()):
        source.places = {p: old for p, old in source.places.items() if p[: len(path)] != path}
        for end in range(1, len(path)):
            source.places.setdefault(path[:end], place)
        source.places[path] = place
    return cast(DictConfig, merged)


def _leaves(node: Any, path: KeyPath) -> Iterator[KeyPath]:
    if isinstance(node, dict) and node:
        for key, value in node.items():
            yield from _leaves(value, (*path, str(key)))
    else:
        yield path


def _resolved(source: Source, config: DictConfig | ListConfig, path: KeyPath) -> Any:
    """Plain values, interpolations filled in. One that cannot be is a mistake, and its value None."""
    if isinstance(config, ListConfig):
        return [_value(source, config, i, path) for i in range(len(config))]
    return {key: _value(source, config, key, path) for key in config}


def _value(source: Source, config: DictConfig | ListConfig, key: Any, path: KeyPath) -> Any:
    try:
        value = config[key]
    except OmegaConfBaseException as error:
        source.mistakes.append(Mistake((*path, str(key)), _first_line(error)))
        return None
    return _resolved(source, value, (*path, str(key))) if isinstance(value, DictConfig | ListConfig) else value


def _plain(config: DictConfig) -> dict[str, Any]:
    return cast(dict[str, Any], OmegaConf.to_container(config))


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
