"""The description of Spillover's own API."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from ..query import known_query
from ..web import json_answer
from .description import description
from .endpoint import Endpoint
from .page import page

# The page holds its style and its script, and asks nobody for anything.
_HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"}


def describing(calls: Sequence[Endpoint]) -> tuple[Endpoint, ...]:
    """The calls that describe these calls and themselves. Made when first asked for: it takes a fifth of a second."""

    @functools.cache
    def described() -> dict[str, Any]:
        return description((*calls, *ours))

    @functools.cache
    def drawn() -> str:
        return page(described())

    async def openapi(request: web.Request) -> web.Response:
        """What all calls take and answer, as OpenAPI 3.1. Open: it holds no data."""
        known_query(request, ())
        return json_answer(described())

    async def docs(request: web.Request) -> web.Response:
        """The same as a page for people. Open: it holds no data. It needs no other server, and no network."""
        known_query(request, ())
        return web.Response(text=drawn(), content_type="text/html", headers=_HEADERS)

    ours = (
        Endpoint("GET", "/openapi.json", openapi, dict, least=None),
        Endpoint("GET", "/docs", docs, str, least=None),
    )
    return ours
