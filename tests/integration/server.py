"""A real `spillover up` as a subprocess: started, killed -9, started again; and Ray's own clients towards it."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from cluster import Head
from embedded import embedded_config, wait_for

from spillover.node.local_layout import Layout

BIN = Path(sys.executable).parent
REPOSITORY = Path(__file__).parents[2]
HELLO = REPOSITORY / "jobs" / "hello"
FINAL = {"SUCCEEDED", "FAILED", "STOPPED"}


class Answer(NamedTuple):
    """What an HTTP request brought."""

    status: int
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def last_line(self) -> str:
        lines = [line.strip() for line in self.text.splitlines() if line.strip()]
        return lines[-1] if lines else ""


def http(
    method: str, url: str, token: str | None, body: Any = None, *, raw: bytes | None = None, timeout_s: float = 60
) -> Answer:
    """One request, whatever the status. Raises OSError if there is no answer."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    data = raw if raw is not None else None if body is None else json.dumps(body).encode()
    if data is not None:
        headers["Content-Type"] = "application/json"
    request = urllib.request.Request(url, data=data, headers=headers, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=timeout_s) as answer:
            return Answer(answer.status, answer.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.read().decode())


def clean_environment(home: Path) -> dict[str, str]:
    """Ours without what would lead Ray's clients elsewhere."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "SPILLOVER_"))}
    return kept | {"HOME": str(home), "PYTHONUNBUFFERED": "1", "PATH": f"{BIN}{os.pathsep}{kept.get('PATH', '')}"}


def ray_environment(address: str, token: str, home: Path) -> dict[str, str]:
    """What a user exports to reach a cluster, or Spillover as if it were one."""
    login = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token, "RAY_API_SERVER_ADDRESS": address}
    return clean_environment(home) | login


class Server:
    """One state folder, one address, and the process that serves them now."""

    def __init__(self, folder: Path, pools: Mapping[str, Any], **settings: Any) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.state_dir = folder / "state"
        self.home.mkdir(parents=True, exist_ok=True)
        self.port = _free_port()
        self.settings: dict[str, Any] = {
            "state_dir": str(self.state_dir),
            "listen": {"host": "127.0.0.1", "port": self.port},
            "policy": {"name": "never"},
            "defaults": {"demand": "1x{CPU:1}", "runtime": "30s"},
            "teams": {"default": {"may_burst": True}},
            "tick": "0.5s",
            "metering_interval": "2s",
            "pools": dict(pools),
            **settings,
        }
        self.file = folder / "spillover.yaml"
        self.file.write_text(yaml.safe_dump(self.settings, sort_keys=False))
        self.log = folder / "server.log"
        self.process: subprocess.Popen[bytes] | None = None

    # -- the process ----------------------------------------------------------------------------

    def start(self, timeout_s: float = 30) -> float:
        """Start it and wait until it serves. Returns the seconds that took."""
        began = time.monotonic()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [str(BIN / "spillover"), "up", "-c", str(self.file)],
                env=clean_environment(self.home),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wait_for("Spillover to serve", self._serves, timeout_s)
        return time.monotonic() - began

    def _serves(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"spillover ended: {self.log.read_text()[-3000:]}"
        try:
            return http("GET", f"{self.address}/api/spillover/v1/health", None, timeout_s=5).status == 200
        except OSError:
            return False

    def kill9(self) -> None:
        """As a power cut: nothing of it runs another line."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """As a user's Ctrl-C."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    # -- as a client ----------------------------------------------------------------------------

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def token(self) -> str:
        return (self.state_dir / "token").read_text().strip()

    @property
    def environment(self) -> dict[str, str]:
        return ray_environment(self.address, self.token, self.home)

    def ray(self, *arguments: str, timeout_s: float = 120) -> "Done":
        """The `ray` command line, as users have it."""
        return run("ray", *arguments, env=self.environment, timeout_s=timeout_s)

    def spillover(self, *arguments: str) -> Any:
        """The `spillover` command line with --json."""
        done = run("spillover", *arguments, "--json", env=self.environment | {"SPILLOVER_ADDRESS": self.address})
        assert done.code == 0, done.text
        return json.loads(done.out)

    def client(self) -> Any:
        """Ray's own JobSubmissionClient."""
        from ray.job_submission import JobSubmissionClient

        return JobSubmissionClient(self.address, headers={"Authorization": f"Bearer {self.token}"})

    def api(self, path: str) -> Any:
        """Spillover's own API."""
        answer = http("GET", f"{self.address}/api/spillover/v1/{path}", self.token)
        assert answer.status == 200, answer
        return answer.json

    def submit(self, entrypoint: str, **fields: Any) -> str:
        """Submit over HTTP, as any Ray client does."""
        answer = http("POST", f"{self.address}/api/jobs/", self.token, {"entrypoint": entrypoint, **fields})
        assert answer.status == 200, answer
        return str(answer.json["submission_id"])

    def job(self, submission_id: str) -> dict[str, Any]:
        """Ray's JobDetails."""
        answer = http("GET", f"{self.address}/api/jobs/{submission_id}", self.token)
        assert answer.status == 200, answer
        details: dict[str, Any] = answer.json
        return details

    def status(self, submission_id: str) -> str:
        """Our own word for where the job is."""
        return str(self.explain(submission_id)["job"]["status"])

    def explain(self, submission_id: str) -> dict[str, Any]:
        explained: dict[str, Any] = self.api(f"jobs/{submission_id}/explain")
        return explained

    def logs(self, submission_id: str) -> str:
        answer = http("GET", f"{self.address}/api/jobs/{submission_id}/logs", self.token)
        assert answer.status == 200, answer
        return str(answer.json["logs"])

    def stop_job(self, submission_id: str) -> bool:
        answer = http("POST", f"{self.address}/api/jobs/{submission_id}/stop", self.token)
        assert answer.status == 200, answer
        return bool(answer.json["stopped"])

    def pool(self, name: str) -> dict[str, Any]:
        return next(pool for pool in self.api("pools")["items"] if pool["name"] == name)

    def wait_status(self, submission_id: str, *statuses: str, timeout_s: float = 90) -> str:
        """Wait for one of our own words; a job that ended otherwise fails at once, with its story."""
        wanted, seen = set(statuses), [""]

        def there() -> bool:
            seen[0] = self.status(submission_id)
            return seen[0] in wanted or seen[0] in {"succeeded", "failed", "stopped"}

        wait_for(f"{submission_id} to be {' or '.join(statuses)}", there, timeout_s)
        assert seen[0] in wanted, json.dumps(self.explain(submission_id), indent=1)
        return seen[0]


class Done(NamedTuple):
    """A command that ended."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


def run(program: str, *arguments: str, env: Mapping[str, str], timeout_s: float = 120) -> Done:
    """A program of this environment."""
    done = subprocess.run(
        [str(BIN / program), *arguments],
        env=dict(env),
        cwd=env["HOME"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


class Following:
    """`ray job logs -f` in the background."""

    def __init__(self, server: Server, submission_id: str) -> None:
        self._process = subprocess.Popen(
            [str(BIN / "ray"), "job", "logs", "-f", submission_id],
            env=server.environment,
            cwd=server.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._parts: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        self._parts.extend(self._process.stdout)

    @property
    def text(self) -> str:
        return "".join(self._parts)

    def end(self, timeout_s: float = 60) -> Done:
        """Wait for it to end by itself."""
        try:
            code = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.close()
            raise AssertionError(f"`ray job logs -f` did not end; it said:\n{self.text}") from None
        self.close()
        return Done(code, self.text, "")

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._reader.join(10)
        if self._process.stdout is not None:
            self._process.stdout.close()


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    """Started, and stopped at the end whatever happened."""
    try:
        server.start()
        yield server
    finally:
        server.stop()


def attached(head: Head, **settings: Any) -> dict[str, Any]:
    """The settings of a head as an attached baseline pool."""
    return {
        "kind": "attached",
        "role": "baseline",
        "address": head.address,
        "token_file": str(head.layout.token_file),
        "region": "here",
        "head_price_usd_per_hour": 0,
        "unreachable_after": "6s",
        "node_types": {
            "machine": {
                "market": "owned",
                "price_usd_per_hour": 1.0,
                "resources": {"CPU": head.cpus, **head.resources},
                "max_nodes": 1,
                "labels": dict(head.labels),
            }
        },
        **settings,
    }


def launched(root: Path, name: str, *, max_workers: int = 1, cpus: int = 2, **settings: Any) -> dict[str, Any]:
    """The settings of an embedded cluster of its own, and its YAML beside them."""
    config = embedded_config(root, name, max_workers=max_workers)
    config["available_node_types"]["worker"]["resources"]["CPU"] = cpus
    file = root / f"{name}.yaml"
    file.write_text(yaml.safe_dump(config, sort_keys=False))
    burst = settings.get("role") == "burst"
    return {
        "kind": "launched",
        "cluster": str(file),
        "region": "here",
        "head_price_usd_per_hour": 0.1,
        "startup": "20s",
        "idle_timeout": "4s",
        "lease": "10min",
        "unreachable_after": "10s",
        "node_types": {"worker": {"market": "on_demand" if burst else "owned", "price_usd_per_hour": 0.4}},
        **settings,
    }


def layout_of_pool(settings: Mapping[str, Any]) -> Layout:
    """Where a launched pool keeps its things."""
    config = yaml.safe_load(Path(settings["cluster"]).read_text())
    return Layout.of(config["provider"], config["cluster_name"])


def _free_port() -> int:
    """Below the range that the kernel hands out: a restart must find it free."""
    for port in random.sample(range(12000, 19900), 50):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no free port")
