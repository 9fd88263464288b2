"""A Ray dashboard as an attached pool has it: real HTTP on loopback, with answers as Ray 2.60 gives them."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from aiohttp import web


def node(node_id: str, resources: dict[str, float], *, head: bool = False, **labels: str) -> dict[str, Any]:
    """A row of the state API."""
    return {
        "node_id": node_id * 56,
        "node_ip": "127.0.0.1",
        "is_head_node": head,
        "state": "ALIVE",
        "resources_total": {"node:127.0.0.1": 1.0, "object_store_memory": 1e8, **resources},
        "labels": {"ray.io/node-id": node_id * 56, **labels},
        "start_time_ms": 1_800_000_000_000,
    }


class Dashboard:
    """`token`: what it asks for, if anything. `texts`: paths that are answered with something else."""

    def __init__(self, *nodes: dict[str, Any], token: str | None = None, ray: str | None = None) -> None:
        self.nodes = nodes
        self.token = token
        self.ray = ray or version("ray")
        self.texts: dict[str, tuple[int, str]] = {}
        self.asked: list[str] = []

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        if request.path in self.texts:
            status, text = self.texts[request.path]
            return web.Response(status=status, text=text)
        sent = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.token and sent != self.token:
            return web.Response(status=403 if sent else 401, text="no")
        return web.json_response(self._answer(request.path))

    def _answer(self, path: str) -> Any:
        if path == "/api/version":
            return {"version": "4", "ray_version": self.ray, "session_name": "session_1"}
        if path == "/api/jobs/":
            return []
        rows = list(self.nodes) if path == "/api/v0/nodes" else []
        return {"result": True, "msg": "", "data": {"result": {"total": len(rows), "result": rows}}}


@asynccontextmanager
async def serving(dashboard: Dashboard) -> AsyncIterator[str]:
    """Its address, for as long as the block lasts."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", dashboard.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def nobody() -> str:
    """An address where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"
