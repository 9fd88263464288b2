"""The server starts where it is told and ends without hanging."""

import asyncio

import aiohttp
import pytest
from fake_service import ALICE, FakeService, services_around, serving

from spillover.gateway.app import build_app
from spillover.gateway.server import GatewayServer

pytestmark = pytest.mark.asyncio


async def test_port_zero_picks_a_port() -> None:
    """Port 0 takes a free port and shows it; stopping frees it."""
    server = GatewayServer(build_app(services_around(FakeService())))
    await server.start()
    assert server.url == f"http://127.0.0.1:{server.port}"
    assert server.port > 0
    await server.stop()
    with pytest.raises(OSError):
        await asyncio.open_connection("127.0.0.1", server.port)


async def test_taken_port_is_an_error() -> None:
    """A taken port raises, and leaves nothing behind."""
    async with serving(FakeService()) as server:
        second = GatewayServer(build_app(services_around(FakeService())), port=server.port)
        with pytest.raises(OSError, match="address already in use"):
            await second.start()


@pytest.mark.parametrize(
    ("host", "url"),
    [("0.0.0.0", "http://127.0.0.1:80"), ("::", "http://[::1]:80"), ("::1", "http://[::1]:80"), ("h", "http://h:80")],
)
async def test_url_can_be_called(host: str, url: str) -> None:
    """The URL names an address that a client can call, also when the server listens on all."""
    assert GatewayServer(build_app(services_around(FakeService())), host, 80).url == url


async def test_running_request_ends_before_the_server() -> None:
    """A request that runs when the server stops is still answered."""
    service = FakeService()
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow_list(caller):
        begun.set()
        await go_on.wait()
        return []

    service.list = slow_list  # type: ignore[method-assign]
    async with serving(service) as server, aiohttp.ClientSession(server.url, headers=ALICE) as client:
        asked = asyncio.create_task(client.get("/api/jobs/"))
        await begun.wait()
        stopping = asyncio.create_task(server.stop())
        await asyncio.sleep(0.05)
        go_on.set()
        assert (await asked).status == 200
        await stopping
