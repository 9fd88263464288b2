"""The hosts of pools that name them one by one, and orders about them."""

from __future__ import annotations

from aiohttp import web

from ...domain.access import Role
from ...domain.answers import HostView, Message, Page
from ...domain.questions import HostQuery
from ..query import known_query, read_query
from ..web import answer, caller_of, named, services_of
from .endpoint import Endpoint


async def hosts(request: web.Request) -> web.Response:
    """The hosts as they are now, a pool's head first: which are in the cluster, and what is wrong with the others."""
    query = read_query(request, HostQuery)
    return answer(await services_of(request).hosts.hosts(caller_of(request), query))


async def repair(request: web.Request) -> web.Response:
    """Check, set up and start a host that is missing now, whatever its back-off. No other host is touched."""
    known_query(request, ())
    pool, host = named(request, "pool"), named(request, "host")
    return answer(Message(await services_of(request).hosts.repair(caller_of(request), pool, host)))


async def drain(request: web.Request) -> web.Response:
    """Begin nothing new on a host; once what runs there has ended, end Ray there and keep it away."""
    known_query(request, ())
    pool, host = named(request, "pool"), named(request, "host")
    return answer(Message(await services_of(request).hosts.drain(caller_of(request), pool, host)))


async def undrain(request: web.Request) -> web.Response:
    """Bring a drained host back into its cluster."""
    known_query(request, ())
    pool, host = named(request, "pool"), named(request, "host")
    return answer(Message(await services_of(request).hosts.undrain(caller_of(request), pool, host)))


ENDPOINTS = (
    Endpoint("GET", "/hosts", hosts, Page[HostView], HostQuery, least=Role.OPERATOR),
    Endpoint("POST", "/pools/{pool}/hosts/{host}/repair", repair, Message, least=Role.OPERATOR),
    Endpoint("POST", "/pools/{pool}/hosts/{host}/drain", drain, Message, least=Role.OPERATOR),
    Endpoint("POST", "/pools/{pool}/hosts/{host}/undrain", undrain, Message, least=Role.OPERATOR),
)
