"""What must hold between keys. Works on the raw tree, so that these mistakes are told together with all others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..units import parse_duration
from .clusters import fill_from_cluster
from .listening import listening
from .mistakes import Mistake, nearest, one_of, warn
from .positions import mapping
from .schema import AnyPool
from .source import Source

_KINDS = ("attached", "launched")


def prepare(source: Source, environ: Mapping[str, str]) -> Iterator[Mistake]:
    """Make file names absolute, fill in what the cluster YAMLs say, and check what one key says against another."""
    tree = source.tree
    if isinstance(tree.setdefault("state_dir", "~/.spillover"), str):
        tree["state_dir"] = str(source.resolve(("state_dir",), tree["state_dir"]))
    yield from listening(source)
    yield from _teams(tree)
    for name, pool in mapping(tree.get("pools")).items():
        if isinstance(pool, dict):
            yield from _pool(source, str(name), pool, environ)


def warnings(pools: Mapping[str, AnyPool]) -> Iterator[Mistake]:
    """What is allowed, and rarely meant."""
    for name, pool in pools.items():
        for type_name, node_type in pool.node_types.items():
            path = ("pools", name, "node_types", type_name, "market")
            if pool.role == "baseline" and node_type.market != "owned":
                yield warn(path, "a baseline pool is owned, and this is rented", node_type.market)
            if pool.role == "burst" and node_type.market == "owned":
                yield warn(path, "a burst pool is rented, and this is owned", node_type.market)


def _teams(tree: dict[str, Any]) -> Iterator[Mistake]:
    teams = mapping(tree.get("teams"))
    if teams and "default" not in teams:
        yield Mistake(("teams",), "'default' is missing: the account of jobs that name no team")
    team = mapping(tree.get("defaults")).get("team", "default")
    if teams and team != "default" and team not in map(str, teams):
        yield Mistake(("defaults", "team"), "is none of the teams", team, nearest(team, map(str, teams)))


def _pool(source: Source, name: str, pool: dict[str, Any], environ: Mapping[str, str]) -> Iterator[Mistake]:
    yield from _kind(name, pool)
    if pool["kind"] == "launched":
        yield from fill_from_cluster(source, name, pool)
    yield from _token(source, name, pool, environ)
    yield from _lease(name, pool)


def _kind(name: str, pool: dict[str, Any]) -> Iterator[Mistake]:
    """Guess a kind that is missing or misspelt, since the pool's other keys are checked by its kind."""
    kind = pool.get("kind")
    if kind in _KINDS:
        return
    path, allowed, meant = ("pools", name, "kind"), one_of(_KINDS), nearest(kind, _KINDS)
    pool["kind"] = meant or ("launched" if "cluster" in pool else "attached")
    yield Mistake(path, f"is required: {allowed}") if kind is None else Mistake(path, allowed, kind, meant)


def _token(source: Source, name: str, pool: dict[str, Any], environ: Mapping[str, str]) -> Iterator[Mistake]:
    file, variable = pool.get("token_file"), pool.get("token_env")
    if isinstance(file, str):
        path = ("pools", name, "token_file")
        pool["token_file"] = str(source.resolve(path, file))
        if wrong := _token_file(source.resolve(path, file)):
            yield Mistake(path, wrong, file)
    if isinstance(variable, str) and not environ.get(variable):
        yield Mistake(("pools", name, "token_env"), "there is no such environment variable", variable)
    if file and variable:
        yield Mistake(("pools", name, "token_env"), "write 'token_file' or 'token_env', not both")


def _token_file(file: Path) -> str:
    """What is wrong with it, or ""."""
    try:
        return "" if file.read_text().strip() else "is empty: the cluster's token belongs into it"
    except FileNotFoundError:
        return "there is no such file"
    except (OSError, UnicodeDecodeError) as error:
        return f"cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}"


def _lease(name: str, pool: dict[str, Any]) -> Iterator[Mistake]:
    try:
        lease, startup = parse_duration(pool.get("lease", 3600)), parse_duration(pool.get("startup", 180))
    except ValueError:
        return
    if 0 < lease <= startup:
        text = "would end before the pool has started ('startup')"
        yield Mistake(("pools", name, "lease"), text, pool.get("lease", "1h"))
