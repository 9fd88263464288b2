"""The queue."""

from __future__ import annotations

from aiohttp import web

from ...domain.answers import Page, QueueEntry
from ...domain.questions import QueueQuery
from ..query import read_query
from ..web import answer, caller_of, services_of
from .endpoint import Endpoint


async def queue(request: web.Request) -> web.Response:
    """Jobs that have not ended: those on pools first, then those that wait, in the order of the queue.

    Everybody sees the whole queue, since one's own place in it depends on the others.
    """
    query = read_query(request, QueueQuery)
    return answer(await services_of(request).insight.queue(caller_of(request), query))


ENDPOINTS = (Endpoint("GET", "/queue", queue, Page[QueueEntry], QueueQuery),)
