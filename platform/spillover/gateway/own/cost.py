"""The bill."""

from __future__ import annotations

from aiohttp import web

from ...domain.answers import Bill
from ...domain.questions import CostQuery
from ..query import read_query
from ..web import answer, caller_of, services_of
from .endpoint import Endpoint


async def cost(request: web.Request) -> web.Response:
    """What was spent, grouped as asked.

    Users see what their own team's jobs cost; operators, and viewers of every team, all of it.
    """
    query = read_query(request, CostQuery)
    return answer(await services_of(request).insight.cost(caller_of(request), query))


ENDPOINTS = (Endpoint("GET", "/cost", cost, Bill, CostQuery),)
