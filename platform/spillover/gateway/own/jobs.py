"""Why a job is where it is, and the packages that jobs come with."""

from __future__ import annotations

from aiohttp import web

from ...domain.answers import Explanation
from ..query import known_query
from ..web import answer, caller_of, named, services_of
from .endpoint import Endpoint


async def explain(request: web.Request) -> web.Response:
    """Everything that was decided about a job, and every offer with its numbers. For the job's team and operators."""
    known_query(request, ())
    return answer(await services_of(request).insight.explain(caller_of(request), named(request, "any_id")))


async def linked_package(request: web.Request) -> web.StreamResponse:
    """An uploaded package behind a signed link, for pools: what is over Ray's upload limit. The link is the proof."""
    return web.FileResponse(services_of(request).jobs.linked_package(named(request, "link")))


ENDPOINTS = (
    Endpoint("GET", "/jobs/{any_id}/explain", explain, Explanation),
    Endpoint("GET", "/packages/{link}/{name}", linked_package, bytes, least=None),
)
