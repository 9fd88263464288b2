"""Pools as the data plane sees them: small HTTP servers that answer, stall, fail and die on demand."""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from spillover.domain.serving import ApiKey, Backend, Door


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def api_key(secret: str, **terms: Any) -> ApiKey:
    """A key that lets `secret` in; its id is the secret's name in capitals, its tenant `search`."""
    hashed = hashlib.sha256(secret.encode()).hexdigest()
    return ApiKey(
        **{"key_id": secret.upper(), "key_hash": hashed, "tenant": "search", "created_at": 0.0, "created_by": "t"}
        | terms
    )


@dataclass
class ServedPool:
    """One pool. `statuses` are what its next answers have; `stall` stops answers until it is set again."""

    name: str
    region: str = "eu-west-1"
    port: int = field(default_factory=free_port)
    seen: list[web.Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    statuses: deque[int] = field(default_factory=deque)
    now: int = 0
    most: int = 0
    _runner: web.AppRunner | None = None

    def __post_init__(self) -> None:
        self.go_on = asyncio.Event()
        self.go_on.set()

    def backend(self, limit: int, door: Door = Door.OPEN) -> Backend:
        """The pool as a route names it."""
        return Backend(self.name, "127.0.0.1", self.port, self.region, limit, door)

    async def start(self) -> ServedPool:
        """Listen."""
        app = web.Application(client_max_size=1 << 30)
        app.router.add_get("/-/healthz", self._health)
        app.router.add_route("*", "/{rest:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        return self

    async def die(self) -> None:
        """Close the port, and cut everybody off."""
        if self._runner is not None:
            server = self._runner.server
            for connection in server.connections if server else []:
                if connection.transport is not None:
                    connection.transport.abort()
            await self._runner.cleanup()
            self._runner = None

    async def _health(self, _: web.Request) -> web.Response:
        return web.Response(text="success")

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            self.bodies.append(await request.read())
            self.seen.append(request)
            await asyncio.sleep(float(request.query.get("s", "0")))
            await self.go_on.wait()
            return await self._reply(request)
        finally:
            self.now -= 1

    async def _reply(self, request: web.Request) -> web.StreamResponse:
        if self.statuses and (status := self.statuses.popleft()) != 200:
            return web.json_response({"error": "made"}, status=status)
        if "echo" in request.query:
            return web.Response(body=self.bodies[-1], content_type="application/json")
        if "stream" in request.query:
            return await self._stream(request, float(request.query["stream"]))
        return web.json_response({"pool": self.name, "path": request.path, **self._usage(request)})

    def _usage(self, request: web.Request) -> dict[str, Any]:
        if "tokens" not in request.query:
            return {}
        read, written = (int(n) for n in request.query["tokens"].split(","))
        return {
            "pad": "x" * int(request.query.get("pad", "0")),
            "usage": {"prompt_tokens": read, "completion_tokens": written},
        }

    async def _stream(self, request: web.Request, pause_s: float) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for i in range(5):
            await response.write(b'data: {"n": %d, "usage": null}\n\n' % i)
            await asyncio.sleep(pause_s)
        last = json.dumps({"usage": self._usage(request).get("usage")}).encode()
        for cut in range(0, len(last), 7):  # the counts are spread over pieces
            await response.write((b"data: " if cut == 0 else b"") + last[cut : cut + 7])
            await asyncio.sleep(0.005)
        await response.write(b"\n\ndata: [DONE]\n\n")
        return response
