"""Where work can run, and orders about it."""

from __future__ import annotations

from aiohttp import web

from ...domain.access import Role
from ...domain.answers import Message, Page, PoolInfo
from ...domain.questions import PoolQuery
from ..query import known_query, read_query
from ..web import answer, caller_of, named, services_of
from .endpoint import Endpoint


async def pools(request: web.Request) -> web.Response:
    """The pools as they are now: nodes, use, lease, spend."""
    query = read_query(request, PoolQuery)
    return answer(await services_of(request).insight.pools(caller_of(request), query))


async def fence(request: web.Request) -> web.Response:
    """Declare that whatever ran on an unreachable pool runs no more, so that its jobs may run again."""
    known_query(request, ())
    return answer(Message(await services_of(request).operators.fence(caller_of(request), named(request, "pool"))))


async def fold(request: web.Request) -> web.Response:
    """Take a launched pool without jobs down now."""
    known_query(request, ())
    return answer(Message(await services_of(request).operators.fold(caller_of(request), named(request, "pool"))))


ENDPOINTS = (
    Endpoint("GET", "/pools", pools, Page[PoolInfo], PoolQuery),
    Endpoint("POST", "/pools/{pool}/fence", fence, Message, least=Role.OPERATOR),
    Endpoint("POST", "/pools/{pool}/fold", fold, Message, least=Role.OPERATOR),
)
