"""A gateway with small services behind it, served to the SDK from a thread of its own; and surroundings that are empty."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "gateway"))

from fake_service import FakeService, make_job, services_around

from certificates import issue, write
from spillover import Client
from spillover.gateway.app import build_app
from spillover.gateway.server import GatewayServer
from spillover.gateway.tls import Certificates


@dataclass
class Served:
    """A gateway, and the service behind it, which remembers what it was asked."""

    service: FakeService
    address: str

    def client(self, user: str = "root", **options: float) -> Client:
        """Someone's client."""
        return Client(self.address, f"{user}-token", **options)


@contextmanager
def serving_beside(tls: Certificates | None = None) -> Iterator[Served]:
    """Serve while the block runs."""
    service = FakeService()
    service.add(make_job("j1"))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = GatewayServer(build_app(services_around(service)), tls=tls)
    asyncio.run_coroutine_threadsafe(server.start(), loop).result()
    try:
        yield Served(service, server.url)
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture
def served() -> Iterator[Served]:
    with serving_beside() as opened:
        yield opened


@pytest.fixture
def served_by_tls(tmp_path: Path) -> Iterator[tuple[Served, Path]]:
    """The same behind a certificate that signs itself, and the file with it."""
    files = tmp_path / "cert.pem", tmp_path / "key.pem"
    write(issue("127.0.0.1"), *files)
    with serving_beside(Certificates(*files)) as opened:
        yield opened, files[0]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, and none of the variables that say where a server is."""
    for name in (
        "SPILLOVER_ADDRESS",
        "SPILLOVER_CA_FILE",
        "SSL_CERT_FILE",
        "SPILLOVER__state_dir",
        "RAY_ADDRESS",
        "RAY_API_SERVER_ADDRESS",
        "RAY_AUTH_TOKEN",
        "RAY_AUTH_TOKEN_PATH",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path
