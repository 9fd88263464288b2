"""Where a local cluster keeps its things: folders, ports, addresses, and the environment of its nodes."""

import os
import re
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spillover.node.processes import Mark

PORTS_PER_CLUSTER = 400
DEFAULT_NET = "127.0.11"

# Ray has no single base port: each of these would collide with, or be picked at random by, a second
# Ray on the machine. The name is the environment variable that start commands use, the number its offset.
PORTS = {
    "SPILLOVER_GCS_PORT": 0,
    "SPILLOVER_DASHBOARD_PORT": 1,
    "SPILLOVER_CLIENT_PORT": 2,
    "SPILLOVER_NODE_MANAGER_PORT": 3,
    "SPILLOVER_OBJECT_MANAGER_PORT": 4,
    "SPILLOVER_AGENT_HTTP_PORT": 5,
    "SPILLOVER_AGENT_GRPC_PORT": 6,
    "SPILLOVER_RUNTIME_ENV_PORT": 7,
    "SPILLOVER_METRICS_PORT": 8,
    "SPILLOVER_AUTOSCALER_METRIC_PORT": 9,
    "SPILLOVER_DASHBOARD_METRIC_PORT": 10,
    "SPILLOVER_SERVE_PORT": 11,
    "SPILLOVER_MIN_WORKER_PORT": 20,
    "SPILLOVER_MAX_WORKER_PORT": PORTS_PER_CLUSTER - 1,
}

NODE_MARK = "SPILLOVER_NODE_DIR"
CLUSTER_MARK = "SPILLOVER_CLUSTER_DIR"

# Nodes see only this of the launcher's environment: a job must not read the secrets of the server
# that raised its cluster. `provider.pass_env` names more.
_PASSED = frozenset({"PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "LANG", "LANGUAGE", "TZ"})
_PASSED |= {"SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"}
_PASSED |= {"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"}
_SOCKET_PATH_MAX = 107
_SESSION_SOCKET = "/session_2026-01-01_00-00-00_000000_0000000/sockets/dash_MetricsHead"


@dataclass(frozen=True, slots=True)
class Layout:
    """One cluster's place under its provider's root."""

    root: Path
    cluster: str
    port_base: int
    net: str

    @classmethod
    def of(cls, provider: Mapping[str, Any], cluster: str) -> "Layout":
        """Read it from the provider section of a cluster YAML, or say what is wrong there."""
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", cluster):
            raise ValueError(f"cluster_name {cluster!r} must be letters, digits, '_', '.' and '-'")
        base = int(provider["port_base"])
        if not 1024 <= base <= 65536 - PORTS_PER_CLUSTER:
            raise ValueError(f"provider.port_base {base} leaves no room for {PORTS_PER_CLUSTER} ports above 1024")
        net = str(provider.get("net", DEFAULT_NET))
        if not re.fullmatch(r"127\.\d{1,3}\.\d{1,3}", net):
            raise ValueError(f"provider.net {net!r} must be three numbers of a loopback address, as '127.0.11'")
        layout = cls(Path(str(provider["root"])).expanduser().resolve(), cluster, base, net)
        layout._check_socket_length()
        return layout

    @property
    def folder(self) -> Path:
        """All that the cluster's nodes write."""
        return self.root / self.cluster

    @property
    def head_ip(self) -> str:
        """Of the head; workers follow."""
        return f"{self.net}.1"

    @property
    def temp_dir(self) -> Path:
        """Ray's session folders, shared by the nodes as if they were on one machine."""
        return self.folder / "t"

    @property
    def state_file(self) -> Path:
        return self.root / f"{self.cluster}.json"

    @property
    def token_file(self) -> Path:
        return self.root / f"{self.cluster}.token"

    @property
    def start_lock(self) -> Path:
        return self.root / f"{self.cluster}.start.lock"

    @property
    def mark(self) -> Mark:
        """What every process of the cluster carries."""
        return Mark(CLUSTER_MARK, self.folder)

    def node_dir(self, node_id: str) -> Path:
        return self.folder / node_id

    def tmp_dir(self, node_id: str) -> Path:
        return self.node_dir(node_id) / "tmp"

    def node_mark(self, node_id: str) -> Mark:
        return Mark(NODE_MARK, self.node_dir(node_id))

    def ports(self) -> dict[str, int]:
        return {name: self.port_base + offset for name, offset in PORTS.items()}

    def environment(self, node_id: str, ip: str, passed: Mapping[str, str], extra: frozenset[str]) -> dict[str, str]:
        """The whole environment of a command on a node."""
        kept = {k: v for k, v in passed.items() if k in _PASSED or k in extra or k.startswith("LC_")}
        # The head's autoscaler imports this module too, and works in another folder than the launcher
        places = [str(Path(place).absolute()) for place in kept.get("PYTHONPATH", "").split(os.pathsep) if place]
        here = {
            "PYTHONPATH": os.pathsep.join(places),
            "HOME": str(self.node_dir(node_id)),
            "TMPDIR": str(self.tmp_dir(node_id)),  # the dashboard leaves folders in it that nobody else removes
            NODE_MARK: str(self.node_dir(node_id)),
            CLUSTER_MARK: str(self.folder),
            "SPILLOVER_NODE_IP": ip,
            "SPILLOVER_TEMP_DIR": str(self.temp_dir),
            # `ray` must be the one that runs this, whatever the caller's PATH says
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", os.defpath)]),
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(self.token_file),
        }
        return kept | here | {name: str(port) for name, port in self.ports().items()}

    def make_token(self) -> None:
        """Write the cluster's token, readable by its owner alone, unless there is one."""
        try:
            handle = os.open(self.token_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_hex(32))

    def _check_socket_length(self) -> None:
        length = len(str(self.temp_dir)) + len(_SESSION_SOCKET)
        if length > _SOCKET_PATH_MAX:
            raise ValueError(
                f"provider.root and cluster_name are {length - _SOCKET_PATH_MAX} characters too long: "
                f"Ray's sockets under {self.temp_dir} would pass the limit of {_SOCKET_PATH_MAX} for a socket's path"
            )
