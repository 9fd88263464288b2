"""The listening server."""

from __future__ import annotations

import asyncio

from aiohttp import web

from .tls import Certificates

# How long running requests may take to end when the server stops, before they are cancelled.
_SHUTDOWN_S = 10.0


class GatewayServer:
    """Serves an app at an address. Port 0 picks a free one, which `port` shows after the start.

    `url`: what clients are told, if that is not where the server listens. With `tls` it speaks HTTPS.
    """

    def __init__(
        self,
        app: web.Application,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        url: str | None = None,
        tls: Certificates | None = None,
    ) -> None:
        self.host = host
        self.port = port
        self._url = url
        self.tls = tls
        self._keep_fresh: asyncio.Task[None] | None = None
        self._runner = web.AppRunner(app, shutdown_timeout=_SHUTDOWN_S)

    @property
    def url(self) -> str:
        """What clients and pools are told."""
        return self._url or self.local_url

    @property
    def local_url(self) -> str:
        """Where the server listens, as a client on this machine calls it."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104
        scheme = "https" if self.tls else "http"
        return f"{scheme}://[{host}]:{self.port}" if ":" in host else f"{scheme}://{host}:{self.port}"

    async def start(self) -> None:
        """Listen. Raises OSError if the address is taken."""
        await self._runner.setup()
        context = self.tls.context if self.tls else None
        try:
            await web.TCPSite(self._runner, self.host, self.port, ssl_context=context).start()
        except OSError:
            await self._runner.cleanup()
            raise
        self.port = self._runner.addresses[0][1]
        if self.tls:
            self._keep_fresh = asyncio.create_task(self.tls.keep_fresh())

    async def stop(self) -> None:
        """Listen no more, cut followed logs, let other requests end for a while."""
        if self._keep_fresh:
            self._keep_fresh.cancel()
        await self._runner.cleanup()
