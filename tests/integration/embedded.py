"""Helpers to raise real embedded clusters in tests, side by side and with whatever else runs on the machine."""

import json
import random
import shutil
import socket
import tempfile
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml

from spillover.node.local import end_cluster
from spillover.node.local_layout import PORTS, PORTS_PER_CLUSTER, Layout

TEMPLATE = Path(__file__).parents[2] / "clusters" / "embedded.yaml"

# Handed out lately, and perhaps not listened on yet: the clusters of one test must not get the same.
_given: deque[int] = deque(maxlen=15)


def free_port_base() -> int:
    """The first of 400 ports that are free now, below the range that the kernel hands out."""
    bases = range(20000, 32300, PORTS_PER_CLUSTER)
    for base in random.sample(bases, len(bases)):
        if base not in _given and all(_is_free(base + offset) for offset in {*PORTS.values(), 100, 200, 300}):
            _given.append(base)
            return base
    raise RuntimeError("no 400 free ports between 20000 and 32700")


def free_net() -> str:
    """A loopback network that no other test is likely to use."""
    return f"127.{random.randint(50, 250)}.{random.randint(1, 250)}"


def embedded_config(root: Path, name: str = "t", *, max_workers: int = 1, idle_minutes: float = 0.1) -> dict[str, Any]:
    """clusters/embedded.yaml as a dict, moved to its own root, ports and addresses."""
    config: dict[str, Any] = yaml.safe_load(TEMPLATE.read_text())
    config["cluster_name"] = name
    config["provider"].update(root=str(root), port_base=free_port_base(), net=free_net())
    config["max_workers"] = max_workers
    config["available_node_types"]["worker"]["max_workers"] = max_workers
    config["idle_timeout_minutes"] = idle_minutes
    return config


@contextmanager
def short_root() -> Iterator[Path]:
    """A folder whose path is short enough for Ray's sockets. Its clusters are ended and it is removed at the end."""
    root = Path(tempfile.mkdtemp(dir="/tmp", prefix="sp"))
    try:
        yield root
    finally:
        for state in root.glob("*.json"):
            with suppress(RuntimeError):
                end_cluster(root, state.stem)
        shutil.rmtree(root, ignore_errors=True)


def layout_of(config: dict[str, Any]) -> Layout:
    """Where the cluster keeps its things."""
    return Layout.of(config["provider"], config["cluster_name"])


def dashboard(config: dict[str, Any]) -> str:
    """The address of the Jobs API."""
    return f"http://{config['provider']['net']}.1:{layout_of(config).ports()['SPILLOVER_DASHBOARD_PORT']}"


def get(url: str, token: str | None) -> tuple[int, Any]:
    """Status and, if it is JSON, the body."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=20) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, None


def wait_for(what: str, condition: Callable[[], bool], timeout_s: float = 90) -> None:
    """Look until it holds."""
    until = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > until:
            raise AssertionError(f"waited {timeout_s} s in vain: {what}")
        time.sleep(0.1)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return False
    return True
