"""A Serve application that echoes after a while: light, so that a test measures what lies in front of it."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from ray import serve
from starlette.requests import Request


@serve.deployment(name="echo")
class Echo:
    """Answers with what it got and who it is. `GET /...?ms=20` waits 20 ms first; `service_ms` is the default."""

    def __init__(self, service_ms: float) -> None:
        self._service_ms = service_ms

    async def __call__(self, request: Request) -> dict[str, Any]:
        await asyncio.sleep(float(request.query_params.get("ms", self._service_ms)) / 1000)
        return {"method": request.method, "body": (await request.body()).decode(), "pid": os.getpid()}


def build(args: dict[str, str]) -> serve.Application:
    """`args` of the config file: `service_ms`, how long a request takes; `ongoing`, how many a replica takes at once."""
    service_ms, ongoing = float(args.get("service_ms", 20)), int(args.get("ongoing", 4))
    return Echo.options(max_ongoing_requests=ongoing).bind(service_ms)
