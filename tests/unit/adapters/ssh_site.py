"""Hosts without SSH: a stand-in for `ssh` runs each command here, with a HOME and a `ray` of that host's own."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spillover.adapters.ssh_plan import SshPlan, read_plan
from spillover.adapters.ssh_pool import SshPool
from spillover.config.ray_defaults import as_ray_takes_it

HEAD, ONE, TWO = "10.9.0.1", "10.9.0.2", "10.9.0.3"

_NO_PORTS = "--port=0 --dashboard-port=0 --ray-client-server-port=0 --dashboard-agent-listen-port=0"
_SSH = """#!/bin/bash
while [[ $1 == -* ]]; do case $1 in -i|-o|-l) shift 2 ;; *) shift ;; esac; done
host=${1#*@}; shift
echo "$host" >> "$SITE/calls"
[ ! -e "$SITE/$host.fault" ] || { cat "$SITE/$host.fault" >&2; exit 255; }
export HOME=$SITE/$host; cd "$HOME"
exec bash -c "$*"
"""
# What `ray start` leaves behind, as far as it can be seen from outside: processes by name, with their command lines
_RAY = """#!/bin/bash
echo "$@" >> "$HOME/ray.calls"
case $1 in
--version) echo "ray, version $(cat "$HOME/version")" ;;
start)
  [ ! -e "$HOME/broken" ] || { setsid "$HOME/bin/raylet" 60 </dev/null >/dev/null 2>&1 & echo "no GCS at $RAY_HEAD_IP" >&2; exit 3; }
  [[ $* != *--head* ]] || { setsid "$HOME/bin/gcs_server" --gcs_server_port=6400 --node-ip-address=10.9.0.1 </dev/null >/dev/null 2>&1 & }
  setsid "$HOME/bin/raylet" "--node_id=node-of-$(basename "$HOME")" </dev/null >/dev/null 2>&1 &
  until [ -e "$HOME/up" ]; do sleep 0.01; done; rm "$HOME/up" ;;
stop) echo "the real ray stop was called" >&2; exit 9 ;;
esac
"""
_DAEMON = "#!/bin/bash\n[ $(basename $0) = gcs_server ] || touch $HOME/up\nwhile :; do sleep 0.05; done\n"


@dataclass
class SshSite:
    """A head and two workers. `config` is the cluster YAML."""

    folder: Path
    config: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _program(self.folder / "bin" / "ssh", _SSH)
        for host in (HEAD, ONE, TWO):
            home = self.folder / host
            for name, text in (("ray", _RAY), ("raylet", _DAEMON), ("gcs_server", _DAEMON)):
                _program(home / "bin" / name, text)
            (home / "version").write_text("2.60.0\n")
            (home / ".bashrc").write_text(f"export PATH={home}/bin:/usr/bin:/bin\n")
        self.config = {
            "cluster_name": "t",
            "provider": {
                "type": "local", "head_ip": HEAD, "worker_ips": [ONE, TWO], "spillover_min_free_disk_gb": 0
            },
            "auth": {"ssh_user": "me"},
            # No port that this machine may use
            "head_start_ray_commands": [
                "ray stop",
                f"ray start --head {_NO_PORTS} --autoscaling-config=~/x.yaml",
            ],
            "worker_start_ray_commands": [
                "ray stop",
                "export A=1; ray start --address=$RAY_HEAD_IP:6379 --dashboard-agent-listen-port=0",
            ],
        }  # fmt: skip

    def plan(self) -> SshPlan:
        return read_plan(as_ray_takes_it(self.config), self.folder / "known_hosts", 2)

    def pool(self, installation: str = "0123456789ab", **options: Any) -> SshPool:
        return SshPool("t", self.plan, self.folder / f"state-{installation}", installation, **options)

    def fault(self, host: str, text: str) -> None:
        """From now on `ssh` says this and fails."""
        (self.folder / f"{host}.fault").write_text(text + "\n")

    def mend(self, host: str) -> None:
        (self.folder / f"{host}.fault").unlink()

    def ray_calls(self, host: str) -> list[str]:
        """The arguments of each call of `ray` there."""
        file = self.folder / host / "ray.calls"
        return file.read_text().splitlines() if file.exists() else []

    def running(self, host: str) -> list[str]:
        """Names of Ray's processes there."""
        return sorted(name for name, _ in self._processes(self.folder / host / "bin"))

    def _processes(self, below: Path) -> Iterator[tuple[str, int]]:
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
                for name in map(os.fsdecode, words[:2]):
                    if Path(name).is_relative_to(below):
                        yield Path(name).name, int(entry.name)

    def end(self) -> None:
        """Whatever a failed test has left."""
        for _, pid in list(self._processes(self.folder)):
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)


def _program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
