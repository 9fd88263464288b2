"""Falls back to other node types where the cloud lacks capacity for one.

    capacity.py [--config FILE] [--dashboard URL]

Runs on a head. Ray's autoscaler (2.60, v2) asks for the same node type again every few seconds when its launch has
failed, for ever, even if another type would do. So this lowers `max_workers` of a type that failed to what there is of
it, in the file that the autoscaler reads at each turn, and gives it back after a while: 30 s, and twice that each time
it fails again. What runs is not touched, and no cap is ever raised above what it was.

Standard library alone, for Python 3.8 and later.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

LOOK_S = 3.0
FIRST_S = 30.0
LONGEST_S = 600.0
# A type that has not failed for so long after it was given back is fine again
FORGET_S = 120.0

_FAILED = re.compile(r"^ (\S+): LaunchFailed \(latest_attempt: (\S+)\)", re.MULTILINE)
_UP = re.compile(r"^ (\d+) (\S+)$", re.MULTILINE)
_PENDING = re.compile(r"^ \S+: (\S+), ", re.MULTILINE)


def failures(status: str) -> set[tuple[str, str]]:
    """The launches that have failed, as (node type, time of day), from the text of Ray's cluster status."""
    return set(_FAILED.findall(status))


def there(status: str) -> dict[str, int]:
    """How many nodes of each type are up or being set up; what is only asked for does not count."""
    up, _, pending = status.split("Recent failures:", maxsplit=1)[0].partition("Pending:")
    found: dict[str, int] = {}
    for count, name in _UP.findall(up):
        found[name] = found.get(name, 0) + int(count)
    for name in _PENDING.findall(pending):
        found[name] = found.get(name, 0) + 1
    return found


class Holds:
    """Which node types are held back, and until when."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: set[tuple[str, str]] = set()
        self._held: dict[str, tuple[float, float]] = {}  # until when, and for how long

    def see(self, failed: Iterable[tuple[str, str]]) -> None:
        """Take failed launches in, as (node type, time of day): those that are new hold their type back."""
        news = set(failed) - self._seen
        self._seen |= news
        for name in {name for name, _ in news}:
            self._hold(name)

    def now(self) -> frozenset[str]:
        """The types that are held back."""
        now = self._clock()
        return frozenset(name for name, (until, _) in self._held.items() if now < until)

    def _hold(self, name: str) -> None:
        now = self._clock()
        until, length = self._held.get(name, (0.0, 0.0))
        if now < until:
            return  # asked for before it was held back
        if now > until + max(FORGET_S, length):
            length = 0.0
        length = min(LONGEST_S, length * 2 or FIRST_S)
        self._held[name] = now + length, length


class Caps:
    """How many nodes of each type there may be now. `most` are the caps that the lease allows."""

    def __init__(self, most: Mapping[str, int], clock: Callable[[], float] = time.monotonic) -> None:
        self._most = dict(most)
        self._holds = Holds(clock)

    def look(self, status: str) -> dict[str, int]:
        """Take a cluster status in, and return the cap of each node type now."""
        self._holds.see(failures(status))
        held, count = self._holds.now(), there(status)
        return {name: min(most, count.get(name, 0)) if name in held else most for name, most in self._most.items()}


class ConfigFile:
    """The autoscaler's configuration, which is JSON. What its caps were first is kept beside it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._first = path.with_name(path.name + ".caps")

    def most(self) -> dict[str, int]:
        """The caps that the lease allows, whatever was written since."""
        if not self._first.exists():
            self._replace(self._first, self._caps(self._read()))
        return dict(json.loads(self._first.read_text()))

    def write(self, caps: Mapping[str, int]) -> bool:
        """Set the caps. Returns whether that changed any."""
        config = self._read()
        if self._caps(config) == caps:
            return False
        for name, most in caps.items():
            node_type = config["available_node_types"][name]
            node_type["max_workers"] = most
            node_type["min_workers"] = min(node_type.get("min_workers", 0), most)
        self._replace(self._path, config)
        return True

    def _read(self) -> dict[str, Any]:
        return dict(json.loads(self._path.read_text()))

    @staticmethod
    def _caps(config: Mapping[str, Any]) -> dict[str, int]:
        whole = config.get("max_workers", 0)
        types = config["available_node_types"].items()
        return {name: t.get("max_workers", whole) for name, t in types if name != config["head_node_type"]}

    @staticmethod
    def _replace(path: Path, value: Mapping[str, Any]) -> None:
        draft = path.with_name(path.name + ".draft")
        # The configuration may hold credentials
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(value, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)


class Dashboard:
    """Ray's cluster status over HTTP, with the cluster's token where there is one."""

    def __init__(self, url: str, token_file: Path) -> None:
        self._url = f"{url}/api/cluster_status?format=1"
        self._token_file = token_file
        # No proxy of the environment may stand between
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def status(self) -> str:
        """The text that `ray status` shows. Raises OSError or ValueError if there is none."""
        request = urllib.request.Request(self._url)  # noqa: S310  # our own dashboard
        if self._token_file.exists():
            request.add_header("Authorization", f"Bearer {self._token_file.read_text().strip()}")
        with self._opener.open(request, timeout=10) as answer:
            return str(json.load(answer)["data"]["clusterStatus"] or "")


def keep(
    file: ConfigFile,
    status: Callable[[], str],
    sleep: Callable[[float], object] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Look over and over."""
    caps = Caps(file.most(), clock)
    while True:
        try:
            now = caps.look(status())
            if file.write(now):
                _say(f"caps {now}")
        except (OSError, ValueError, KeyError, TypeError) as error:  # a head that is busy, or not up yet
            _say(repr(error))
        sleep(LOOK_S)


def _say(text: str) -> None:
    sys.stdout.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {text}\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> None:
    """Runs until the head ends."""
    parser = argparse.ArgumentParser(prog="capacity.py")
    parser.add_argument("--config", type=Path, default=Path("~/ray_bootstrap_config.yaml"))
    parser.add_argument("--dashboard", default="http://127.0.0.1:8265")
    said = parser.parse_args(arguments)
    keep(ConfigFile(said.config.expanduser()), Dashboard(said.dashboard, Path("~/.ray/auth_token").expanduser()).status)


if __name__ == "__main__":
    main(sys.argv[1:])
