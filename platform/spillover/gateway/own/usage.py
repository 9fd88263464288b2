"""What requests to applications came to."""

from __future__ import annotations

from aiohttp import web

from ...domain.answers import UsageReport
from ...domain.questions import UsageQuery
from ..query import read_query
from ..web import answer, caller_of, services_of
from .endpoint import Endpoint


async def usage(request: web.Request) -> web.Response:
    """Requests, errors, tokens, the time that replicas worked on them and their share of the cost, grouped as asked.

    Users see the requests of their team as a tenant, and all to their team's applications; operators see all.
    """
    query = read_query(request, UsageQuery)
    return answer(await services_of(request).keys.usage(caller_of(request), query))


ENDPOINTS = (Endpoint("GET", "/usage", usage, UsageReport, UsageQuery),)
