"""The server over TLS, and certificates that are renewed under it."""

from __future__ import annotations

import asyncio
import logging
import ssl
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from certificates import issue, self_signed, write
from spillover.errors import SpilloverError
from spillover.gateway.greeting import greeting
from spillover.gateway.server import GatewayServer
from spillover.gateway.tls import Certificates

pytestmark = pytest.mark.asyncio


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A self-signed certificate and its key."""
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    self_signed(certificate, key)
    return certificate, key


def app() -> web.Application:
    """Something to serve."""

    async def health(_: web.Request) -> web.Response:
        return web.Response(text="ok")

    made = web.Application()
    made.add_routes([web.get("/health", health)])
    return made


def trusting(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate))


async def status(server: GatewayServer, certificate: Path, **limits: ssl.TLSVersion) -> int:
    """What a client on a new connection, that trusts this certificate alone, is answered."""
    context = trusting(certificate)
    for name, version in limits.items():
        setattr(context, name, version)
    url = URL(server.local_url) / "health"
    async with aiohttp.ClientSession() as client, client.get(url, ssl=context) as answer:
        return answer.status


async def test_it_serves_https(files: tuple[Path, Path]) -> None:
    """A client that trusts the certificate is served over TLS 1.2 and 1.3; one that speaks less or in clear is not."""
    server = GatewayServer(app(), tls=Certificates(*files))
    await server.start()
    try:
        assert server.url == server.local_url == f"https://127.0.0.1:{server.port}"
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            assert await status(server, files[0], minimum_version=version, maximum_version=version) == 200
        assert server.tls is not None
        assert server.tls.context.minimum_version is ssl.TLSVersion.TLSv1_2
        with pytest.raises(aiohttp.ClientError):
            async with aiohttp.ClientSession() as client:
                await client.get(server.local_url.replace("https:", "http:"))
    finally:
        await server.stop()


async def test_a_renewed_certificate_is_taken(files: tuple[Path, Path]) -> None:
    """New connections see the new certificate without a restart; nothing happens while the files stay."""
    tls = Certificates(*files)
    server = GatewayServer(app(), tls=tls)
    await server.start()
    try:
        old = files[0].rename(files[0].with_name("old.pem"))
        old.with_name("cert.pem").write_bytes(old.read_bytes())
        assert tls.renew()  # another file, though with the same certificate
        assert not tls.renew()
        assert await status(server, old) == 200
        self_signed(*files)
        assert tls.renew()
        assert not tls.renew()
        assert await status(server, files[0]) == 200
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await status(server, old)
    finally:
        await server.stop()


async def test_half_a_renewal_is_waited_for(files: tuple[Path, Path], caplog: pytest.LogCaptureFixture) -> None:
    """While only one file has been replaced, or one is missing, the old pair serves on; it is tried again and again."""
    tls, new = Certificates(*files), issue("127.0.0.1")
    server = GatewayServer(app(), tls=tls)
    old = files[0].with_name("old.pem")
    old.write_bytes(files[0].read_bytes())
    await server.start()
    try:
        write(new, files[0], files[1].with_name("new-key.pem"))
        with caplog.at_level(logging.WARNING):
            assert not tls.renew()
            files[1].unlink()
            assert not tls.renew()
        assert ["KEY_VALUES_MISMATCH" in caplog.messages[0], "No such file" in caplog.messages[1]] == [True, True]
        assert await status(server, old) == 200
        files[1].with_name("new-key.pem").rename(files[1])
        assert tls.renew()
        assert await status(server, files[0]) == 200
    finally:
        await server.stop()


async def test_the_files_are_looked_at_while_it_serves(files: tuple[Path, Path]) -> None:
    """The server itself takes a renewed certificate, and looks no more once it has stopped."""
    tls = Certificates(*files, look_every_s=0)
    looks: list[bool] = []
    renew = tls.renew
    tls.renew = lambda: looks.append(renew()) or looks[-1]  # type: ignore[method-assign,func-returns-value]
    server = GatewayServer(app(), tls=tls)
    await server.start()
    self_signed(*files)
    async with asyncio.timeout(10):
        while True not in looks:
            await asyncio.sleep(0)
    assert await status(server, files[0]) == 200
    await server.stop()
    seen = len(looks)
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(looks) == seen


async def test_what_cannot_serve_is_refused(files: tuple[Path, Path]) -> None:
    """A missing file, a pair that does not fit and a key with a passphrase are errors with the files' names."""
    certificate, key = files
    with pytest.raises(SpilloverError, match=r"none\.pem cannot be read: No such file"):
        Certificates(certificate, key.with_name("none.pem"))
    write(issue("h"), certificate.with_name("other.pem"), key)
    with pytest.raises(SpilloverError, match=r"cert\.pem and .*key\.pem do not serve TLS: KEY_VALUES_MISMATCH"):
        Certificates(certificate, key)
    self_signed(certificate, key, b"secret")
    with pytest.raises(SpilloverError, match="the key is encrypted"):
        Certificates(certificate, key)


async def test_clients_are_told_another_address(files: tuple[Path, Path]) -> None:
    """Behind a proxy, clients are told the proxy's address, and this machine where the server listens."""
    server = GatewayServer(app(), "0.0.0.0", 80, url="https://ray.example.com")
    assert (server.url, server.local_url) == ("https://ray.example.com", "http://127.0.0.1:80")


async def test_the_greeting_says_what_rays_clients_need(files: tuple[Path, Path]) -> None:
    """A self-signed certificate is named for --verify; one of an authority leaves that to the reader."""
    certificate, key = files
    said = greeting("https://h", Path("/s/token"), Certificates(certificate, key))
    assert f"  ray job submit --verify {certificate} --working-dir . -- python train.py" in said
    assert f"every `ray job` command needs --verify {certificate}" in said
    write(issue("h", by=issue(is_authority=True, name="our authority")), certificate, key)
    said = greeting("https://h", Path("/s/token"), Certificates(certificate, key))
    assert "  ray job submit --working-dir ." in said
    assert "needs --verify CA_FILE" in said


async def test_the_greeting_without_tls_is_three_exports() -> None:
    """Plain HTTP needs no word about certificates; a revoked first token is not named."""
    said = greeting("http://h", Path("/s/token"))
    assert said.splitlines()[2:] == [
        "  export RAY_API_SERVER_ADDRESS=http://h",
        "  export RAY_AUTH_MODE=token",
        "  export RAY_AUTH_TOKEN_PATH=/s/token",
        "  ray job submit --working-dir . -- python train.py",
    ]
    assert "export RAY_AUTH_TOKEN_PATH=FILE    # of mode 600, with your token in it" in greeting("http://h", None)
