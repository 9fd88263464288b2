"""What a second policy, which is only asked, would have done otherwise."""

from __future__ import annotations

from aiohttp import web

from ...domain.answers import ShadowReport
from ...domain.questions import ShadowQuery
from ..query import read_query
from ..web import answer, caller_of, services_of
from .endpoint import Endpoint


async def shadow(request: web.Request) -> web.Response:
    """Where the shadow policy would have done otherwise: counts, dollars and waiting, and the newest such jobs.

    Users see their own team's jobs; operators, and viewers of every team, all. Refused if no `shadow_policy` is set.
    """
    query = read_query(request, ShadowQuery)
    return answer(await services_of(request).insight.shadow(caller_of(request), query))


ENDPOINTS = (Endpoint("GET", "/shadow", shadow, ShadowReport, ShadowQuery),)
