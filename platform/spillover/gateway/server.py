"""The listening server."""

from __future__ import annotations

from aiohttp import web

# How long running requests may take to end when the server stops, before they are cancelled.
_SHUTDOWN_S = 10.0


class GatewayServer:
    """Serves an app at an address. Port 0 picks a free one, which `port` shows after the start."""

    def __init__(self, app: web.Application, host: str = "127.0.0.1", port: int = 0) -> None:
        self.host = host
        self.port = port
        self._runner = web.AppRunner(app, shutdown_timeout=_SHUTDOWN_S)

    @property
    def url(self) -> str:
        """What a client on this machine is told."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    async def start(self) -> None:
        """Listen. Raises OSError if the address is taken."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self.host, self.port).start()
        except OSError:
            await self._runner.cleanup()
            raise
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Listen no more, cut followed logs, let other requests end for a while."""
        await self._runner.cleanup()
