"""Whether the server serves."""

from __future__ import annotations

from aiohttp import web

from ...domain.answers import Health
from ..query import known_query
from ..web import answer, services_of
from .endpoint import Endpoint


async def health(request: web.Request) -> web.Response:
    """Whether requests can be served: 200, or 503 until then. Open, for probes."""
    known_query(request, ())
    ready = services_of(request).jobs.ready()
    return answer(Health("ok" if ready else "starting"), 200 if ready else 503)


ENDPOINTS = (Endpoint("GET", "/health", health, Health, least=None),)
