"""A Ray cluster of local nodes whose workers come and go as they are told to, and jobs on it."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from embedded import dashboard, embedded_config, get, layout_of, wait_for
from ray.autoscaler.tags import NODE_KIND_HEAD, TAG_RAY_NODE_KIND

from spillover.adapters.ray_launcher import RayLauncher, write_config
from spillover.node.local import LocalNodeProvider, end_cluster

RAY = str(Path(sys.executable).parent / "ray")
WORKER = {"CPU": 1, "memory": 4000000000}


class Nodes:
    """A head, and workers of one CPU each. The autoscaler keeps as many as are allowed."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._config = config
        self._layout = layout_of(config)
        self._provider = LocalNodeProvider(config["provider"], config["cluster_name"])

    def workers(self) -> dict[str, str]:
        """Live workers: Ray's node id by address."""
        nodes = self._read("/api/v0/nodes?detail=1")["data"]["result"]["result"]
        return {n["node_ip"]: n["node_id"] for n in nodes if n["state"] == "ALIVE" and not n["is_head_node"]}

    def allow(self, count: int) -> None:
        """Have so many workers: the autoscaler reads its file at every turn, launches what is missing, ends what is over.

        A node that drains does not count as one.
        """
        (head,) = self._provider.non_terminated_nodes({TAG_RAY_NODE_KIND: NODE_KIND_HEAD})
        file = self._layout.node_dir(head) / "ray_bootstrap_config.yaml"
        config = json.loads(file.read_text())
        config["available_node_types"]["worker"] |= {"min_workers": count, "max_workers": count}
        draft = file.with_suffix(".draft")
        draft.write_text(json.dumps(config))
        draft.replace(file)

    def drain(self, ip: str, notice_s: float) -> None:
        """What a poller does that has read a provider's notice."""
        gcs = f"{self._config['provider']['net']}.1:{self._layout.ports()['SPILLOVER_GCS_PORT']}"
        self._ray(
            *("drain-node", "--address", gcs, "--node-id", self.workers()[ip]),
            *("--reason", "DRAIN_NODE_REASON_PREEMPTION", "--reason-message", "spot"),
            *("--deadline-remaining-seconds", f"{notice_s:.0f}"),
        )

    def end(self, ip: str) -> None:
        """End the machine at an address, at once. The autoscaler may have been quicker: it wants fewer by then."""
        for machine in self._provider.non_terminated_nodes({}):
            if self._provider.internal_ip(machine) == ip:
                self._provider.terminate_node(machine)

    def submit(self, name: str, folder: Path, command: str) -> None:
        """Hand a job over."""
        self._ray(
            *("job", "submit", "--address", dashboard(self._config), "--no-wait", "--submission-id", name),
            *("--working-dir", str(folder), "--", *shlex.split(command)),
        )

    def stop(self, name: str) -> None:
        """End a job, and wait until it has."""
        self._ray("job", "stop", "--address", dashboard(self._config), name)

    def status(self, name: str) -> str:
        return str(self._read(f"/api/jobs/{name}")["status"])

    def log(self, name: str) -> str:
        return str(self._read(f"/api/jobs/{name}/logs")["logs"])

    def _read(self, path: str) -> Any:
        status, body = get(dashboard(self._config) + path, self._layout.token_file.read_text())
        assert status == 200, (path, status)
        return body

    def _ray(self, *words: str) -> None:
        """Run Ray's command line as a user of this cluster."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
        login = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(self._layout.token_file)}
        done = subprocess.run([RAY, *words], env=clean | login, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def local_nodes(root: Path, count: int) -> Iterator[Nodes]:
    """A cluster with so many workers, which is folded afterwards. The provider has no more than these to give."""
    root.mkdir()
    config = embedded_config(root, max_workers=count)
    config["provider"]["capacity"] = count
    config["available_node_types"]["worker"] |= {"min_workers": count, "resources": WORKER}
    path, log = root / "pool.yaml", root / "up.log"
    write_config(config, path, max_workers=count)
    nodes = Nodes(config)
    try:
        asyncio.run(RayLauncher().raise_cluster(path, no_restart=False, log_path=log))
        wait_for(f"{count} workers", lambda: len(nodes.workers()) == count)
        yield nodes
    finally:
        end_cluster(root, config["cluster_name"])
