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

from .cluster_file import ClusterFile
from .mistakes import KeyPath, Mistake, Place
from .positions import read_yaml, why_unreadable
from .schema import ALL_KEYS

ENV_PREFIX = "SPILLOVER__"


@dataclass
class Source:
    """The merged tree, where its keys come from, and what was wrong with the reading of it.

    `clusters` are the cluster YAMLs of launched pools, by pool. Where `readable` is false, there is no tree.
    """

    file: Path
    tree: dict[str, Any] = field(default_factory=dict)
    places: dict[KeyPath, Place] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)
    clusters: dict[str, ClusterFile] = field(default_factory=dict)
    readable: bool = True

    def place(self, path: KeyPath) -> Place:
        """Where the key was written, or else the nearest one around it."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.places:
                return self.places[path[:end]]
        return Place(str(self.file), 1, self.file.parent)

    def named(self, path: KeyPath, text: str) -> Path:
        """A file name from the settings, as it is shown to people."""
        return self.place(path).folder / Path(text).expanduser()

    def resolve(self, path: KeyPath, text: str) -> Path:
        """A file name from the settings as an absolute path."""
        return self.named(path, text).absolute()

    def note(self, text: str, where: str) -> None:
        """A mistake that is in no file."""
        self.mistakes.append(Mistake((), text, at=_elsewhere(where)))

    def unreadable(self, text: str, line: int = 0, path: KeyPath = ()) -> None:
        """Note why there is no tree to go on with."""
        self.mistakes.append(Mistake(path, text, at=Place(str(self.file), line, self.file.parent)))
        self.readable = False


def read_source(file: Path, overrides: Sequence[str], environ: Mapping[str, str]) -> Source:
    """Read and merge."""
    source = Source(file)
    tree = _read_file(source)
    config = _create(source, tree) if source.readable else None
    if config is None:
        return source
    for where, nested in [*_from_environment(source, environ, tree), *_from_command_line(source, overrides)]:
        config = _merge(source, config, where, nested)
    source.tree = _resolved(source, config, ())
    return source


def _read_file(source: Source) -> dict[Any, Any]:
    if not source.file.is_file():
        source.unreadable("there is no such settings file; `spillover init` writes one to start from")
        return {}
    try:
        tree, lines, duplicates = read_yaml(source.file.read_text())
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        source.unreadable(*why_unreadable(error))
        return {}
    if not isinstance(tree, dict):
        source.unreadable("is no settings file: it must be a mapping of keys to values", 1)
        return {}
    source.places = {p: Place(str(source.file), n, source.file.parent) for p, n in lines.items()}
    for path, line in duplicates:
        source.mistakes.append(Mistake(path, f"is written twice, here and in line {line}"))
    return tree


def _create(source: Source, tree: dict[Any, Any]) -> DictConfig | None:
    try:
        return OmegaConf.create(tree)
    except OmegaConfBaseException as error:
        path = tuple(str(error.full_key).split("."))
        source.unreadable(_first_line(error), source.place(path).line, path)
        return None


def _from_environment(
    source: Source, environ: Mapping[str, str], tree: dict[Any, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, text in sorted(environ.items()):
        if name.startswith(ENV_PREFIX):
            try:
                nested: Any = yaml.safe_load(text)
            except yaml.YAMLError as error:
                source.note(f"'{text}' is no YAML: {_first_line(error)}", name)
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
            source.note(f"'{item}' is no setting; write key=value", "command line")
            continue
        try:
            yield "command line", _plain(OmegaConf.from_dotlist([item]))
        except (OmegaConfBaseException, yaml.YAMLError) as error:
            source.note(f"'{item}': {_first_line(error)}", "command line")


def _merge(source: Source, config: DictConfig, where: str, nested: dict[str, Any]) -> DictConfig:
    try:
        merged = OmegaConf.merge(config, nested)
    except (OmegaConfBaseException, TypeError) as error:
        source.note(f"{nested} does not fit the file: {_first_line(error)}", where)
        return config
    place = _elsewhere(where)
    for path in _leaves(nested, ()):
        source.places = {p: old for p, old in source.places.items() if p[: len(path)] != path}
        for end in range(1, len(path)):
            source.places.setdefault(path[:end], place)
        source.places[path] = place
    return cast(DictConfig, merged)


def _elsewhere(where: str) -> Place:
    return Place(where, 0, Path.cwd())


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
