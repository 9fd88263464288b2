"""Spillover's own API, under `/api/spillover/v1/`."""

from __future__ import annotations

from aiohttp import web

from .web import caller_of, json_answer, limit_of, named, query_of, service_of


async def health(request: web.Request) -> web.Response:
    """`GET health`: open, for probes. 503 until the service is ready."""
    ready = service_of(request).ready()
    return json_answer({"status": "ok" if ready else "starting"}, 200 if ready else 503)


async def queue(request: web.Request) -> web.Response:
    """`GET queue?limit=`."""
    query = query_of(request, ("limit",))
    return json_answer(await service_of(request).queue(caller_of(request), limit_of(query, 100)))


async def pools(request: web.Request) -> web.Response:
    """`GET pools`."""
    query_of(request, ())
    return json_answer(await service_of(request).pools(caller_of(request)))


async def explain(request: web.Request) -> web.Response:
    """`GET jobs/ID/explain`."""
    query_of(request, ())
    return json_answer(await service_of(request).explain(caller_of(request), named(request, "any_id")))


async def cost(request: web.Request) -> web.Response:
    """`GET cost?by=team,pool`."""
    names = query_of(request, ("by",)).get("by", "")
    by = tuple(name.strip() for name in names.split(",") if name.strip())
    return json_answer(await service_of(request).cost(caller_of(request), by))


async def events(request: web.Request) -> web.Response:
    """`GET events?subject=&limit=`."""
    query = query_of(request, ("subject", "limit"))
    found = await service_of(request).events(caller_of(request), query.get("subject") or None, limit_of(query, 200))
    return json_answer(found)


async def linked_package(request: web.Request) -> web.StreamResponse:
    """`GET packages/LINK/NAME`: open, since the link is signed. Where pools fetch what is over Ray's upload limit."""
    return web.FileResponse(service_of(request).linked_package(named(request, "link")))


async def fence(request: web.Request) -> web.Response:
    """`POST pools/NAME/fence`."""
    return json_answer({"message": await service_of(request).fence(caller_of(request), named(request, "pool"))})


async def fold(request: web.Request) -> web.Response:
    """`POST pools/NAME/fold`."""
    return json_answer({"message": await service_of(request).fold(caller_of(request), named(request, "pool"))})
