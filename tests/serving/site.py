"""Two embedded pools and a real `spillover up` that serves applications from both, in a folder of its own."""

from __future__ import annotations

import os
import random
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml
from embedded import wait_for
from server import Done, Server, launched, layout_of_pool, run

from serving.load import Kind
from serving.seen import CLOUD, ONPREM, POOLS, Sample
from spillover.node.local import LocalNodeProvider
from spillover.node.local_layout import Layout

PRICES = {ONPREM: 12.0, CLOUD: 30.0}
"""US dollars an hour for a worker with 2 CPUs: each is priced like a node with 8 GPUs, so that minutes cost something."""
TESTS = Path(__file__).parents[1]
TINY = TESTS / "serving" / "tiny"
JOBS = TESTS.parent / "jobs"
IDLE = "10s"

Say = Callable[[str], None]


class Site:
    """What a user of the served applications sees, and what a test may do to the machines behind them."""

    def __init__(self, spillover: Server, pools: Mapping[str, Any], port: int) -> None:
        self.spillover = spillover
        self.pools = pools
        self.url = f"http://127.0.0.1:{port}"
        self._key = ""

    # -- as a user ------------------------------------------------------------------------------

    @property
    def key(self) -> str:
        """An API key of a tenant, made when it is first asked for."""
        if not self._key:
            file = self.spillover.folder / "api_key"
            done = run("spillover", "key", "create", "demo", "--out", str(file), env=self._environment)
            assert done.code == 0, done.text
            self._key = file.read_text().strip()
        return self._key

    def kind(self, name: str, path: str, method: str = "GET", **more: Any) -> Kind:
        """A kind of request with the key."""
        headers = {"Authorization": f"Bearer {self.key}", **more.pop("headers", {})}
        return Kind(name, path, method, headers=headers, **more)

    def serve(self, *arguments: str) -> Done:
        """Ray's own `serve` command line."""
        return run("serve", *arguments, env=self._environment)

    def deploy(self, applications: Sequence[Mapping[str, Any]]) -> Path:
        """`serve deploy` of a file with these applications. Returns the file."""
        file = self.spillover.folder / "serve.yaml"
        file.write_text(yaml.safe_dump({"applications": [dict(each) for each in applications]}, sort_keys=False))
        done = self.serve("deploy", str(file))
        assert done.code == 0, done.text
        return file

    def statuses(self) -> dict[str, str]:
        """What `serve status` says of each application."""
        done = self.serve("status")
        assert done.code == 0, done.text
        found = yaml.safe_load(done.out) or {}
        return {name: str(each["status"]) for name, each in found.get("applications", {}).items()}

    def wait_running(self, names: Sequence[str], timeout_s: float = 300) -> None:
        """Until `serve status` says so of all of them. An application that failed fails at once."""

        def there() -> bool:
            found = self.statuses()
            assert "DEPLOY_FAILED" not in found.values(), self.serve("status").text
            return all(found.get(name) == "RUNNING" for name in names)

        wait_for(f"{', '.join(names)} to be RUNNING", there, timeout_s)

    def wait_served(self, pools: Sequence[str], path: str, timeout_s: float = 300) -> None:
        """Until requests are served by replicas on each of these pools."""
        wait_for(f"requests to be served by {pools}", lambda: set(pools) <= set(self.serving_pools(path)), timeout_s)

    def serving_pools(self, path: str, requests: int = 24) -> list[str]:
        """Which pools serve some requests that are sent at once."""
        from concurrent.futures import ThreadPoolExecutor

        key = self.key  # made before many ask for it at once
        with ThreadPoolExecutor(requests) as threads:
            return [pool for pool in threads.map(lambda _: self._pool_of(path, key), range(requests)) if pool]

    def _pool_of(self, path: str, key: str) -> str:
        import urllib.request

        request = urllib.request.Request(self.url + path, headers={"Authorization": f"Bearer {key}"})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with suppress(OSError), opener.open(request, timeout=30) as answer:
            return str(answer.headers.get("X-Spillover-Pool", ""))
        return ""

    # -- as an operator -------------------------------------------------------------------------

    def applications(self) -> list[dict[str, Any]]:
        """`spillover applications --json`, through the API that it asks."""
        found: list[dict[str, Any]] = self.spillover.api("applications")["items"]
        return found

    def sample(self) -> Sample:
        """Replicas that run and dollars, now."""
        at = time.time()
        pools = self.spillover.api("pools")["items"]
        usd = self.spillover.api("cost")["total_usd"]
        return Sample(at, self.replicas(), {p["name"]: p["usd_per_hour"] for p in pools}, usd)

    def replicas(self) -> dict[str, int]:
        """Running replicas by pool, of all applications."""
        found = dict.fromkeys(POOLS, 0)
        for application in self.applications():
            for there in application["pools"]:
                found[there["pool"]] += there["replicas"]
        return found

    def cost_of(self, application: str) -> float:
        """US dollars that the ledger has for an application's replicas."""
        name = re.compile(rf"serve-{re.escape(application)}-[0-9a-f]+")
        rows = self.spillover.api("cost?by=job")["rows"]
        return float(sum(row["usd"] for row in rows if name.fullmatch(row["job"] or "")))

    # -- as fate --------------------------------------------------------------------------------

    def layout(self, pool: str) -> Layout:
        return layout_of_pool(self.pools[pool])

    def head_node(self, pool: str) -> str:
        """The provider's id of a pool's head."""
        cluster = yaml.safe_load(Path(self.pools[pool]["cluster"]).read_text())
        provider = LocalNodeProvider(cluster["provider"], cluster["cluster_name"])
        (head,) = provider.non_terminated_nodes({"ray-node-type": "head"})
        return str(head)

    @property
    def _environment(self) -> dict[str, str]:
        there = self.spillover.address
        return self.spillover.environment | {"RAY_DASHBOARD_ADDRESS": there, "SPILLOVER_ADDRESS": there}


@contextmanager
def site(root: Path, *, cloud_stays: bool = False) -> Iterator[Site]:
    """Both pools: on premises always on, the cloud from zero, and back to it when idle unless it `cloud_stays`."""
    folder = root / "s"
    folder.mkdir(parents=True)
    pools = {
        ONPREM: _pool(root, ONPREM, role="baseline", head_price_usd_per_hour=0),
        CLOUD: _pool(root, CLOUD, role="burst", idle_timeout="1h" if cloud_stays else "8s"),
    }
    port = free_port()
    server = Server(
        folder, pools, policy={"name": "immediate"}, serving={"host": "127.0.0.1", "port": port, "threads": 1}
    )
    place = Site(server, pools, port)
    try:
        server.start(timeout_s=120)
        wait_for("pool onprem to be up", lambda: server.pool(ONPREM)["status"] == "up", 300)
        yield place
    finally:
        end(place)


def end(place: Site) -> None:
    """Take the applications down as a user does; then whatever is left, for the data plane outlives Spillover."""
    with suppress(AssertionError, OSError):
        place.serve("shutdown", "-y")
        wait_for("the applications to be gone", lambda: not place.applications(), 60)
    place.spillover.stop()
    for pid in data_plane(place):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def data_plane(place: Site) -> list[int]:
    """The processes of this site's HAProxy: those that work in its folder."""
    folder, found = place.spillover.state_dir / "dataplane", []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (entry / "comm").read_text().strip() == "haproxy" and (entry / "cwd").readlink() == folder:
                found.append(int(entry.name))
    return found


def _pool(root: Path, name: str, **settings: Any) -> dict[str, Any]:
    made = launched(root, name, cpus=2, **settings)
    made["node_types"]["worker"]["price_usd_per_hour"] = PRICES[name]
    return made


def tiny(name: str, *, service_ms: float = 200, ongoing: int = 4, **block: Any) -> dict[str, Any]:
    """An application that echoes after some time: an entry of a Serve config file with a `spillover` block."""
    said = {
        "baseline": "1",
        "burst": "0:2",
        "latency_target": "1s",
        "idle": IDLE,
        "ongoing": ongoing,
        "timeout": "5min",
        **block,
    }
    return {
        "name": name,
        "route_prefix": f"/{name}",
        "import_path": "app:build",
        # Ray's proxy tries a full replica again later and later: what waits is to wait in the data plane, by its limit
        "args": {"service_ms": service_ms, "ongoing": 2 * ongoing},
        "runtime_env": {"working_dir": f"local://{TINY}", "spillover": said},
        "deployments": [{"name": "echo", "num_replicas": 1, "ray_actor_options": {"num_cpus": 1}}],
    }


def free_port() -> int:
    """Below the range that the kernel hands out: a restart must find it free."""
    for port in random.sample(range(12000, 19900), 50):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no free port")
