"""The starting set for this machine: the template, and the embedded cluster at a place that is free."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Collection, Mapping
from pathlib import Path

from ..config import template
from ..errors import SpilloverError
from ..node.local_layout import PORTS, PORTS_PER_CLUSTER, Layout
from .init_files import CLUSTER, SETTINGS

_ROOT = "~/.spillover"
_FIRST_NET = 11
_HIGHEST_BASE, _LOWEST_BASE = 31_000, 20_000  # below the range that the kernel hands out by itself
_SPOT_CHECKS = (100, 200, 300)


def starting_set() -> Mapping[Path, str]:
    """File names and their texts."""
    return {SETTINGS: template().read_text(), CLUSTER: embedded("embedded")}


def embedded(name: str, others: Collection[str] = ()) -> str:
    """The embedded cluster's YAML under that name, with free ports, apart from the addresses of `others`."""
    text = (template().parent / CLUSTER).read_text()
    text = _set(text, "cluster_name", name)
    text = _set(text, "  root", _root(name))
    text = _set(text, "  port_base", str(_port_base()))
    return _set(text, "  net", f'"{_net(others)}"')


def _set(text: str, key: str, value: str) -> str:
    """Change a key's value; the line's comment stays where it was."""
    line = re.compile(rf"^{key}: \S+( +(?=#))?", re.MULTILINE)
    changed, count = line.subn(lambda old: _padded(f"{key}: {value}", len(old[0]) if old[1] else 0), text)
    assert count == 1, key  # noqa: S101  # the file is ours
    return changed


def _padded(text: str, width: int) -> str:
    return text.ljust(width - 1) + " " if width else text


def _root(name: str) -> str:
    """Ray's sockets lie below it, and their paths must not be long: a home folder may be too deep."""
    try:
        Layout.of({"root": _ROOT, "port_base": _HIGHEST_BASE}, name)
    except ValueError:
        return str(_private(Path(f"/tmp/spillover-{os.getuid()}")))  # noqa: S108  # private, or refused
    return _ROOT


def _private(folder: Path) -> Path:
    """Make it ours before anybody else does. Raises SpilloverError if somebody has."""
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.stat(follow_symlinks=False)
    if found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise SpilloverError(f"{folder} is open to others: tokens will lie there. Remove it, or make it yours alone.")
    return folder


def _port_base() -> int:
    """The first of the cluster's ports. Raises SpilloverError if nowhere enough are free."""
    for base in range(_HIGHEST_BASE, _LOWEST_BASE, -PORTS_PER_CLUSTER):
        if all(_is_free(base + offset) for offset in {*PORTS.values(), *_SPOT_CHECKS}):
            return base
    raise SpilloverError(
        f"a local cluster takes {PORTS_PER_CLUSTER} ports, and between {_LOWEST_BASE} and "
        f"{_HIGHEST_BASE + PORTS_PER_CLUSTER} so many are nowhere free; end what listens there"
    )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("0.0.0.0", port))  # noqa: S104  # never listens
        except OSError:
            return False
    return True


def _net(others: Collection[str]) -> str:
    nets = (f"127.0.{number}" for number in range(_FIRST_NET, 255))
    return next(net for net in nets if not any(address.startswith(f"{net}.") for address in others))
