"""HTTP towards a pool's Ray dashboard: token, errors, nothing else."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from ..errors import PoolRefused, PoolUnreachable

TIMEOUT_S = 30.0
UPLOAD_TIMEOUT_S = 600.0


class RayHttp:
    """Requests to one dashboard. `address` and `token` are asked each time: a raised pool may have new ones."""

    def __init__(self, name: str, address: Callable[[], str | None], token: Callable[[], str | None]) -> None:
        self._name = name
        self._address = address
        self._token = token
        self._session: aiohttp.ClientSession | None = None

    def _url(self, path: str) -> str:
        address = self._address()
        if not address:
            raise PoolUnreachable(f"pool '{self._name}' has no address yet")
        return address.rstrip("/") + path

    def _headers(self) -> dict[str, str]:
        token = self._token()
        # Both: an older Ray knows only the first, a proxy in front may eat it
        return {"Authorization": f"Bearer {token}", "X-Ray-Authorization": f"Bearer {token}"} if token else {}

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64))
        return self._session

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    @asynccontextmanager
    async def request(
        self, method: str, path: str, *, timeout_s: float = TIMEOUT_S, **options: Any
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """One request. No answer, and answers of a head that is half up or down, raise PoolUnreachable."""
        timeout = aiohttp.ClientTimeout(total=timeout_s)
        try:
            async with self._client().request(
                method, self._url(path), headers=self._headers(), timeout=timeout, **options
            ) as answer:
                if answer.status in {401, 403}:
                    raise PoolRefused(
                        f"pool '{self._name}' refuses our token (HTTP {answer.status}); "
                        "set token_file or token_env of the pool in the settings"
                    )
                if answer.status in {502, 503, 504}:
                    raise PoolUnreachable(f"pool '{self._name}' answers HTTP {answer.status}")
                yield answer
        except (TimeoutError, aiohttp.ClientError, ConnectionError) as error:
            raise PoolUnreachable(f"pool '{self._name}' does not answer: {error or type(error).__name__}") from error

    async def json(self, method: str, path: str, **options: Any) -> Any:
        """The JSON answer of a request that must succeed. Raises PoolRefused with Ray's last line if it does not."""
        async with self.request(method, path, **options) as answer:
            text = await answer.text()
            if answer.status != 200:
                raise PoolRefused(f"pool '{self._name}': {last_line(text)} (HTTP {answer.status})")
        return json.loads(text)

    async def websocket(self, path: str) -> AsyncIterator[str]:
        """Text frames until the other side closes cleanly; a broken stream raises PoolUnreachable."""
        try:
            async with self._client().ws_connect(
                self._url(path), headers=self._headers(), heartbeat=20, max_msg_size=0
            ) as socket:
                async for message in socket:
                    if message.type is aiohttp.WSMsgType.TEXT:
                        yield message.data
                if socket.close_code != aiohttp.WSCloseCode.OK:
                    raise PoolUnreachable(f"pool '{self._name}' broke the log stream ({socket.close_code})")
        except (TimeoutError, aiohttp.ClientError, ConnectionError) as error:
            raise PoolUnreachable(f"pool '{self._name}' broke the log stream: {error}") from error


def last_line(text: str) -> str:
    """The last line that says something: Ray answers errors with whole tracebacks."""
    lines = [line.strip() for line in text.replace("\\n", "\n").splitlines()]
    return next((line for line in reversed(lines) if line.strip(".'\" ")), "no reason given")
