"""What a cluster YAML with named hosts says: who is reached how, what runs there, and what Ray will need there."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ..domain.host import Host
from ..domain.provider import NodeKind
from ..errors import LauncherError
from .ssh_run import SshAccess

log = logging.getLogger(__name__)

Fill = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Fills in what Ray takes where a cluster YAML says nothing."""

NODE_TYPE = "local.cluster.node"  # Ray's own name for the one node type of such a cluster
MIN_FREE_DISK_GB = 5.0

_OPTION = re.compile(r"--([a-z][a-z-]*)(?:=|\s+(?!--))(?:'([^']*)'|\"([^\"]*)\"|([^\s;&|)]+))")
# Nothing scales here, so no autoscaler's file lies there
_AUTOSCALING = re.compile(r"\s--autoscaling-config(?:=|\s+)\S+")
_HEAD_PORTS = {"port": 6379, "dashboard-port": 8265, "ray-client-server-port": 10001}
_PORTS = {"dashboard-agent-listen-port": 52365}
_MORE_PORTS = (
    "node-manager-port",
    "object-manager-port",
    "dashboard-agent-grpc-port",
    "runtime-env-agent-port",
    "metrics-export-port",
)


@dataclass(frozen=True)
class Commands:
    """What is run on one kind of host, in this order."""

    setup: tuple[str, ...]
    start: tuple[str, ...]
    ports: tuple[int, ...]
    gpus: int | None
    temp_dir: str


@dataclass(frozen=True)
class SshPlan:
    """A cluster of named hosts."""

    cluster: str
    hosts: tuple[Host, ...]
    head_address: str
    access: SshAccess
    head: Commands
    worker: Commands
    gcs_port: int
    min_free_disk_bytes: float
    mounts: tuple[tuple[str, Path, bool], ...] = ()
    excludes: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict, hash=False)

    def commands(self, kind: NodeKind) -> Commands:
        """What runs on hosts of this kind."""
        return self.head if kind == "head" else self.worker

    def host(self, name: str) -> Host:
        """The host of that name, or a worker's place for one that is not in the YAML any more."""
        return next((host for host in self.hosts if host.name == name), Host(name, "worker"))


class PlanFile:
    """The plan that a cluster YAML has now. A file that has become unreadable is told, and the last plan stands."""

    def __init__(self, path: Path, fill: Fill, known_hosts: Path, max_workers: int) -> None:
        """Raises LauncherError if the file cannot be read, or asks for what cannot be done."""
        self._path = path
        self._fill = fill
        self._known_hosts = known_hosts
        self._max_workers = max_workers
        self._stamp: tuple[int, int] | None = None
        self._plan = self._fresh()

    def __call__(self) -> SshPlan:
        """The plan."""
        try:
            self._plan = self._fresh()
        except LauncherError as error:
            log.warning("the plan before stands: %s", error)
        return self._plan

    def _fresh(self) -> SshPlan:
        try:
            found = self._path.stat()
            stamp = (found.st_mtime_ns, found.st_size)
            if stamp == self._stamp:
                return self._plan
            self._stamp = stamp
            tree = self._fill(yaml.safe_load(self._path.read_text()))
            return read_plan(tree, self._known_hosts, self._max_workers)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
            raise LauncherError(f"{self._path} cannot be read: {type(error).__name__}: {error}") from None


def is_named_hosts(cluster: Mapping[str, Any]) -> bool:
    """Whether a cluster YAML names its hosts one by one."""
    provider = cluster.get("provider") or {}
    return provider.get("type") == "local" and "head_ip" in provider


def read_plan(cluster: Mapping[str, Any], known_hosts: Path, max_workers: int) -> SshPlan:
    """The plan of a cluster YAML that has Ray's defaults filled in. Raises LauncherError for what cannot be done."""
    provider, auth = cluster["provider"], cluster.get("auth") or {}
    if (cluster.get("docker") or {}).get("container_name"):
        raise LauncherError(
            f"cluster {cluster['cluster_name']}: 'docker' is not supported for named hosts; "
            "install Ray on the hosts and leave the section out"
        )
    head_ip, workers = str(provider["head_ip"]), [str(ip) for ip in provider.get("worker_ips") or ()]
    return SshPlan(
        cluster=str(cluster["cluster_name"]),
        hosts=(Host(head_ip, "head"), *(Host(ip, "worker") for ip in workers[:max_workers])),
        head_address=str(provider.get("external_head_ip") or head_ip),
        access=_access(auth, known_hosts),
        head=_commands(cluster, "head"),
        worker=_commands(cluster, "worker"),
        gcs_port=int(_options(_texts(cluster, "head_start_ray_commands")).get("port", 6379)),
        min_free_disk_bytes=float(provider.get("spillover_min_free_disk_gb", MIN_FREE_DISK_GB)) * 1e9,
        mounts=_mounts(cluster),
        excludes=tuple(map(str, cluster.get("rsync_exclude") or ())),
        environment={"RAY_HEAD_IP": head_ip},
    )


def _access(auth: Mapping[str, Any], known_hosts: Path) -> SshAccess:
    key, proxy = auth.get("ssh_private_key"), auth.get("ssh_proxy_command")
    if isinstance(proxy, Mapping):
        raise LauncherError("auth.ssh_proxy_command: write one command; one for each node type is for cloud providers")
    return SshAccess(
        user=str(auth["ssh_user"]),
        known_hosts=known_hosts,
        private_key=Path(str(key)).expanduser() if key else None,
        proxy_command=str(proxy) if proxy else None,
    )


def _commands(cluster: Mapping[str, Any], kind: NodeKind) -> Commands:
    setup = [
        *_texts(cluster, "initialization_commands"),
        *_texts(cluster, "setup_commands"),
        *_texts(cluster, f"{kind}_setup_commands"),
    ]
    start = [_AUTOSCALING.sub("", command) for command in _texts(cluster, f"{kind}_start_ray_commands")]
    options = _options(start)
    defaults = {**_PORTS, **(_HEAD_PORTS if kind == "head" else {})}
    given = {name: int(options[name]) for name in (*defaults, *_MORE_PORTS) if options.get(name, "").isdigit()}
    ports = [port for port in {**defaults, **given}.values() if port > 0]
    gpus = options.get("num-gpus", "")
    temp_dir = options.get("temp-dir", "/tmp/ray")  # noqa: S108  # Ray's own
    return Commands(tuple(setup), tuple(start), tuple(sorted(ports)), int(gpus) if gpus.isdigit() else None, temp_dir)


def _options(commands: Sequence[str]) -> dict[str, str]:
    """Options of `ray start`, wherever in the commands they stand."""
    found = {}
    for command in commands:
        for name, *values in _OPTION.findall(command):
            found[name] = next((value for value in values if value), "")
    return found


def _mounts(cluster: Mapping[str, Any]) -> tuple[tuple[str, Path, bool], ...]:
    """Where to, what, and whether it may be missing."""
    mounts = [(str(k), Path(str(v)).expanduser(), False) for k, v in (cluster.get("file_mounts") or {}).items()]
    synced = [(str(v), Path(str(v)).expanduser(), True) for v in cluster.get("cluster_synced_files") or ()]
    return (*mounts, *synced)


def _texts(cluster: Mapping[str, Any], key: str) -> list[str]:
    return [str(command) for command in cluster.get(key) or ()]
