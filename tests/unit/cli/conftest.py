"""A real HTTP server with canned answers, and a command line whose surroundings are empty."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

NOW = 1_790_000_000.0


@dataclass
class FakeApi:
    """Answers by `METHOD /path`, (status, body); keeps what was asked."""

    answers: dict[str, tuple[int, str]] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)
    address: str = ""

    def put(self, request: str, body: Any, status: int = 200) -> str:
        text = body if isinstance(body, str) else json.dumps(body)
        self.answers[request] = (status, text)
        return text


def _handler(api: FakeApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            api.asked.append((f"{self.command} {self.path}", self.headers.get("Authorization")))
            api.bodies.append(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())
            known = f"{self.command} {self.path.removeprefix('/api/spillover/v1')}"
            status, body = api.answers.get(known, (404, "404: Not Found"))
            self.send_response(status)
            if status == 302:
                self.send_header("Location", body)
            self.end_headers()
            self.wfile.write(body.encode())

        do_POST = do_DELETE = do_GET  # noqa: N815  # http.server calls it by these names

        def log_message(self, *_args: object) -> None:
            """Silence."""

    return Handler


@pytest.fixture
def api() -> Iterator[FakeApi]:
    fake = FakeApi()
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(fake)) as server:
        fake.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield fake
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, and none of the variables that the commands read."""
    for name in (
        "SPILLOVER_ADDRESS",
        "SPILLOVER_CA_FILE",
        "SSL_CERT_FILE",
        "SPILLOVER__state_dir",
        "RAY_ADDRESS",
        "RAY_API_SERVER_ADDRESS",
        "RAY_AUTH_TOKEN",
        "RAY_AUTH_TOKEN_PATH",
        "COLUMNS",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


Spillover = Callable[..., Result]


@pytest.fixture
def bare() -> Spillover:
    """Run `spillover ARGS`."""
    from spillover.cli.main import app

    return lambda *args: CliRunner().invoke(app, list(args), prog_name="spillover")


@pytest.fixture
def spillover(api: FakeApi, bare: Spillover, monkeypatch: pytest.MonkeyPatch) -> Spillover:
    """Run `spillover ARGS` against the fake API."""
    monkeypatch.setenv("SPILLOVER_ADDRESS", api.address)
    return bare


@pytest.fixture
def a_job() -> dict[str, Any]:
    return {
        "submission_id": "raysubmit_1",
        "user": "ann",
        "team": "search",
        "priority": 0,
        "status": "queued",
        "target": "run",
        "demand": "4x{CPU:1}",
        "submitted_at": NOW - 192,
        "wait_s": 192.0,
        "reason": "no_room",
        "message": "[b]waits[/b] for 4x{CPU:1} on onprem",
        "expected_start_at": NOW + 100,
        "pool": None,
        "attempt": None,
        "runtime_s": None,
    }


@pytest.fixture
def a_pool() -> dict[str, Any]:
    node = {
        "node_id": "ab12",
        "ip": "127.0.11.2",
        "type": "worker",
        "market": "owned",
        "price_usd_per_hour": 0.2,
        "is_head": False,
        "resources": {"CPU": 4, "memory": 8 * 1024**3, "node:127.0.11.2": 1},
        "used": {"CPU": 3},
        "foreign": {"CPU": 1},
    }
    head = node | {"node_id": "aa00", "is_head": True, "resources": {}, "used": {}, "foreign": {}}
    return {
        "name": "onprem",
        "kind": "launched",
        "role": "baseline",
        "status": "up",
        "address": "http://127.0.11.1:8265",
        "message": "",
        "region": "eu-1",
        "nodes": [head, node],
        "jobs": 2,
        "drivers": 1,
        "max_drivers": 8,
        "lease": {"id": "l1", "max_nodes": 2, "expires_at": NOW + 3000},
        "usd_per_hour": 0.3,
        "spent_usd": 1234.5,
    }


@pytest.fixture
def an_explanation(a_job: dict[str, Any]) -> dict[str, Any]:
    offer = {"node_type": "worker", "nodes": 1, "start_delay_s": 0.0, "runtime_s": 3600.0, "out": "", "chosen": False}
    decision = {"policy": "threshold", "pool": None, "until": None, "reason": "x"}
    return {
        "job": a_job
        | {"demand_source": "declared", "observed": None, "overuse": "uses 6 CPU, declared 4", "exit_code": None},
        "decisions": [
            decision | {"at": NOW - 190, "verdict": "wait", "sentence": "onprem is full, and waiting is free."},
            decision
            | {"at": NOW - 10, "verdict": "take", "pool": "cloud", "sentence": "Spill: 1 job older than 3min."},
        ],
        "offers": [
            offer | {"pool": "onprem", "market": "owned", "price_usd_per_hour": 0.2, "cost_usd": 0.2, "out": "full"},
            offer | {"pool": "dear", "market": "spot", "price_usd_per_hour": 9.0, "cost_usd": 9.0},
            offer | {"pool": "cloud", "market": "spot", "price_usd_per_hour": 1.5, "cost_usd": 1.5, "chosen": True},
        ],
        "attempts": [
            {
                "attempt_id": "raysubmit_1",
                "pool": "cloud",
                "status": "ended",
                "outcome": "lost",
                "started_at": NOW - 100,
                "ended_at": NOW - 40,
                "message": "the node went away",
            }
        ],
        "events": [],
    }
