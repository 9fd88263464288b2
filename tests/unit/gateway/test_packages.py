"""Packages are streamed through, and never half kept."""

import asyncio
import io
import zlib

import pytest
import yarl
from aiohttp import web
from fake_service import FakeService, asking, services_around, serving

from spillover.gateway.app import build_app

pytestmark = pytest.mark.asyncio

PATH = "/api/packages/gcs/_ray_pkg_0123.zip"
URI = "gcs://_ray_pkg_0123.zip"


async def test_package_is_asked_for_and_put() -> None:
    """A package is 404 with Ray's text until it is put, and 200 afterwards."""
    service = FakeService()
    async with asking(service) as client:
        before = await client.get(PATH)
        assert (before.status, await before.text()) == (404, f"Package {URI} does not exist")
        assert (await client.put(PATH, data=b"zip")).status == 200
        assert (await client.get(PATH)).status == 200
    assert service.packages == {URI: b"zip"}


async def test_large_package_comes_in_chunks() -> None:
    """An upload far over the limit of JSON bodies reaches the service whole, in pieces of bounded size."""
    service = FakeService()
    data = b"0123456789abcdef" * 300_000
    async with asking(service) as client:
        assert (await client.put(PATH, data=io.BytesIO(data))).status == 200
    assert service.packages[URI] == data
    assert max(service.chunk_sizes) <= 256 * 1024


@pytest.mark.parametrize("chunked", [False, True])
async def test_too_large_package_is_413(*, chunked: bool) -> None:
    """A package over the limit is refused with the text of the service, whether its length is announced or not."""

    async def pieces():
        for _ in range(64):
            yield b"x" * 65536

    service = FakeService()
    service.max_package = 100_000
    async with asking(service) as client:
        answer = await client.put(PATH, data=pieces() if chunked else io.BytesIO(b"x" * 4_000_000))
        assert answer.status == 413
        assert "limit" in await answer.text()
    assert service.packages == {}


async def test_refused_upload_is_read_to_its_end() -> None:
    """A client that writes its whole package before it reads gets the answer, however long it writes."""
    service = FakeService()
    service.max_package = 100
    # aiohttp itself reads on for ten seconds, which is not long for an upload.
    runner = web.AppRunner(build_app(services_around(service)), lingering_time=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    reader, writer = await asyncio.open_connection(*runner.addresses[0])
    head = f"PUT {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer alice-token\r\nContent-Length: 5000000\r\n\r\n"
    writer.write(head.encode())
    for _ in range(50):
        writer.write(b"x" * 100_000)
        await writer.drain()
    assert b" 413 " in await asyncio.wait_for(reader.readline(), 5)
    writer.close()
    await runner.cleanup()


async def test_broken_upload_raises_in_the_service(caplog: pytest.LogCaptureFixture) -> None:
    """An upload that breaks off raises where the service reads it, so that no half package is kept."""
    service = FakeService()
    async with serving(service) as server:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        head = f"PUT {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer alice-token\r\nContent-Length: 1000\r\n\r\n"
        writer.write(head.encode() + b"half")
        await writer.drain()
        while not service.chunk_sizes:
            await asyncio.sleep(0.01)
        writer.close()
        await writer.wait_closed()
        while not service.broken_uploads:
            await asyncio.sleep(0.01)
    assert service.packages == {}
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_packed_body_has_no_size_hint() -> None:
    """The length of a compressed body is not taken for the size of the package."""
    service = FakeService()
    service.max_package = 100
    async with asking(service) as client:
        packed = zlib.compress(b"x" * 90)
        headers = {"Content-Encoding": "deflate"}
        assert (await client.put(PATH, data=packed, headers=headers)).status == 200
    assert service.packages == {URI: b"x" * 90}


@pytest.mark.parametrize(
    "path",
    ["s3/x.zip", "foo/x.zip", "gcs/..%2F..%2Fetc", "gcs/.hidden", "gcs/a%20b.zip", "gcs/" + "x" * 201, "gcs/a%00.zip"],
)
@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_unsafe_names_are_refused(method: str, path: str) -> None:
    """A package that is not ours to keep, or whose name is no safe file name, is a 400."""
    service = FakeService()
    async with asking(service) as client:
        url = yarl.URL(f"{client._base_url}/api/packages/{path}", encoded=True)
        answer = await client.request(method, url, data=b"x" if method == "PUT" else None)
        assert answer.status == 400
    assert service.packages == {}


@pytest.mark.parametrize("name", ["my_pkg-1.0+cpu-py3-none-any.whl", "_ray_pkg_0f.tar.gz"])
async def test_rays_names_are_taken(name: str) -> None:
    """Wheels keep their names, with a local version's plus sign."""
    service = FakeService()
    async with asking(service) as client:
        assert (await client.put(f"/api/packages/gcs/{name}", data=b"x")).status == 200
    assert service.packages == {f"gcs://{name}": b"x"}
