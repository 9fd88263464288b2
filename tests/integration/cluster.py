"""One isolated Ray head for tests: its own HOME, ports, session folder and token, ended by its own processes alone."""

import os
import secrets
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from embedded import free_net, free_port_base, get, wait_for

from spillover.node import processes
from spillover.node.local_layout import Layout
from spillover.node.processes import Mark

_OPTIONS = {
    "port": "GCS_PORT",
    "dashboard-port": "DASHBOARD_PORT",
    "ray-client-server-port": "CLIENT_PORT",
    "node-manager-port": "NODE_MANAGER_PORT",
    "object-manager-port": "OBJECT_MANAGER_PORT",
    "dashboard-agent-listen-port": "AGENT_HTTP_PORT",
    "dashboard-agent-grpc-port": "AGENT_GRPC_PORT",
    "runtime-env-agent-port": "RUNTIME_ENV_PORT",
    "metrics-export-port": "METRICS_PORT",
    "min-worker-port": "MIN_WORKER_PORT",
    "max-worker-port": "MAX_WORKER_PORT",
}


@dataclass
class Head:
    """A cluster of one node that nobody but the test started: what an attached pool is made of."""

    root: Path
    name: str = "h"
    cpus: int = 2
    resources: Mapping[str, float] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, str] = field(default_factory=dict)  # of its environment

    def __post_init__(self) -> None:
        provider = {"root": str(self.root), "port_base": free_port_base(), "net": free_net()}
        self.layout = Layout.of(provider, self.name)
        self._ip = f"{self.layout.net}.1"

    @property
    def address(self) -> str:
        """The Jobs API."""
        return f"http://{self._ip}:{self.layout.ports()['SPILLOVER_DASHBOARD_PORT']}"

    @property
    def token(self) -> str:
        return self.layout.token_file.read_text().strip()

    @property
    def mark(self) -> Mark:
        """What every process of this cluster carries, and no other."""
        return self.layout.mark

    def start(self) -> None:
        """Start it, or start it again under another session name at the same address."""
        self.layout.make_token()
        home = self.layout.node_dir("n1")
        home.mkdir(parents=True, exist_ok=True)
        ports = self.layout.ports()
        extra = {
            "AUTOSCALER_METRIC_PORT": str(ports["SPILLOVER_AUTOSCALER_METRIC_PORT"]),
            "DASHBOARD_METRIC_PORT": str(ports["SPILLOVER_DASHBOARD_METRIC_PORT"]),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_SERVE_ENABLE_DIRECT_INGRESS": "1",  # as in clusters/
            "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "3",
        }
        environment = self.layout.environment("n1", self._ip, os.environ, frozenset()) | extra | dict(self.more)
        command = [
            *("ray", "start", "--head", f"--temp-dir={self.layout.temp_dir}", f"--node-ip-address={self._ip}"),
            *(f"--{option}={ports['SPILLOVER_' + port]}" for option, port in _OPTIONS.items()),
            *(f"--dashboard-host={self._ip}", f"--num-cpus={self.cpus}", "--object-store-memory=100000000"),
            *("--resources", _json(self.resources), "--labels", ",".join(f"{k}={v}" for k, v in self.labels.items())),
        ]
        if not self.labels:
            command = command[:-2]
        with (home / "start.log").open("ab") as log:
            done = subprocess.run(
                command,
                env=environment,
                cwd=home,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                timeout=120,
                check=False,
            )
        assert done.returncode == 0, (home / "start.log").read_text(errors="replace")[-2000:]
        wait_for(f"{self.address} to answer", self.answers)

    def answers(self) -> bool:
        try:
            return get(f"{self.address}/api/version", self.token)[0] == 200
        except OSError:
            return False

    def dashboards(self) -> list[int]:
        """The processes that answer at the address: to have them stopped for a while."""
        found = [(p.pid, Path(f"/proc/{p.pid}/cmdline").read_bytes()) for p in processes.find([self.mark])]
        return [pid for pid, command in found if b"dashboard/dashboard.py" in command or b"ray-dashboard" in command]

    def kill9(self) -> None:
        """Power cut: SIGKILL to all of its processes, until none is left."""
        kill9([self.mark])

    def stop(self) -> None:
        """End it, by its own processes alone."""
        left = processes.end([self.mark])
        assert not left, f"processes {left} of {self.layout.folder} would not end"


def _json(values: Mapping[str, float]) -> str:
    return "{" + ", ".join(f'"{name}": {amount}' for name, amount in values.items()) + "}"


def kill9(marks: list[Mark], timeout_s: float = 30) -> None:
    """SIGKILL whatever carries one of the marks, and what it forks meanwhile, until none is left."""
    until = time.monotonic() + timeout_s
    while found := processes.find(marks):
        assert time.monotonic() < until, f"{found} would not die"
        for process in found:
            try:
                os.kill(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.05)


@contextmanager
def head(root: Path, **options: object) -> Iterator[Head]:
    """A running head, stopped at the end whatever happened."""
    made = Head(root, **options)  # type: ignore[arg-type]
    try:
        made.start()
        yield made
    finally:
        made.stop()


def some_token() -> str:
    """A token that nobody knows."""
    return secrets.token_hex(32)
