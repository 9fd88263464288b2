"""Plain Ray Serve on a cluster of one node: what an application does with nothing of ours in front of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster import Head, head
from embedded import wait_for
from server import http

from serving.site import free_port
from spillover.adapters.serve_replicas import listening

_PATH = "/api/serve/applications/"


@dataclass(frozen=True)
class Plain:
    """A head, and the port of its Serve proxy."""

    cluster: Head
    port: int

    @property
    def url(self) -> str:
        """Of Serve's own proxy."""
        return f"http://127.0.0.1:{self.port}"

    def straight(self, name: str) -> str:
        """Where an application's only replica listens itself: where Spillover's data plane sends requests."""
        ((host, port),) = listening(self._details())[name]
        return f"http://{host}:{port}"

    def _details(self) -> dict[str, Any]:
        found: dict[str, Any] = http("GET", self.cluster.address + _PATH, self.cluster.token).json
        return found

    def deploy(self, applications: Sequence[Mapping[str, Any]], timeout_s: float = 180) -> None:
        """Have exactly these applications, and wait until all of them run. One that cannot fails with Ray's reason."""
        options = {"host": "127.0.0.1", "port": self.port}
        config = {"proxy_location": "HeadOnly", "http_options": options, "applications": list(applications)}
        answer = http("PUT", self.cluster.address + _PATH, self.cluster.token, config, timeout_s=timeout_s)
        assert answer.status == 200, answer
        wait_for("all applications to run", lambda: self._run([str(each["name"]) for each in applications]), timeout_s)

    def _run(self, names: Sequence[str]) -> bool:
        found = self._details()["applications"]
        failed = [each["message"] for each in found.values() if each["status"] == "DEPLOY_FAILED"]
        assert not failed, failed
        return all(found.get(name, {}).get("status") == "RUNNING" for name in names)


@contextmanager
def plain(root: Path, cpus: int = 2) -> Iterator[Plain]:
    """A cluster that is ended at the end whatever happened.

    Its workers are no nicer than other processes: Ray's own default lets whoever sends the requests go first.
    """
    with head(root, cpus=cpus, more={"RAY_worker_niceness": "0"}) as cluster:
        yield Plain(cluster, free_port())
