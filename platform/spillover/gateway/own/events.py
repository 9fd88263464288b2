"""The history."""

from __future__ import annotations

from aiohttp import web

from ...domain.answers import EventView, Page
from ...domain.questions import EventQuery
from ..query import read_query
from ..web import answer, caller_of, services_of
from .endpoint import Endpoint


async def events(request: web.Request) -> web.Response:
    """Who did what, newest first: to pools, and to jobs that the caller may see. Operators see all, tokens included."""
    query = read_query(request, EventQuery)
    return answer(await services_of(request).insight.events(caller_of(request), query))


ENDPOINTS = (Endpoint("GET", "/events", events, Page[EventView], EventQuery),)
