"""Served applications as they are now. They are deployed through Ray's own Serve API, `serve deploy`."""

from __future__ import annotations

from aiohttp import web

from ...domain.access import Role
from ...domain.answers import ApplicationView, Message, Page
from ...domain.questions import ApplicationQuery
from ..query import known_query, read_query
from ..web import answer, caller_of, named, services_of
from .endpoint import Endpoint


async def applications(request: web.Request) -> web.Response:
    """The applications that the caller may see, by name: where they run, how busy they are, what they cost."""
    query = read_query(request, ApplicationQuery)
    return answer(await services_of(request).serve.applications(caller_of(request), query))


async def stop_application(request: web.Request) -> web.Response:
    """Take one application down: its user may, and operators. `serve shutdown` takes down all of a user's."""
    known_query(request, ())
    return answer(Message(await services_of(request).serve.stop(caller_of(request), named(request, "application"))))


ENDPOINTS = (
    Endpoint("GET", "/applications", applications, Page[ApplicationView], ApplicationQuery),
    Endpoint("DELETE", "/applications/{application}", stop_application, Message, least=Role.USER),
)
