"""Uploads of working directories and modules, which Ray's clients make before they submit."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import suppress

from aiohttp import web

from ..errors import BadRequest, NotFound, PackageTooLarge
from .web import caller_of, jobs_of

_CHUNK_BYTES = 256 * 1024
_DISCARD_S = 60.0
# Ray names packages `_ray_pkg_<hash>.zip`, and wheels as they are called; the name becomes a file name of ours.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+!-]{0,199}")


async def has_package(request: web.Request) -> web.Response:
    """`GET /api/packages/gcs/NAME`: 200 or 404. A yes keeps the package for a while."""
    uri = _uri(request)
    if not await jobs_of(request).package_exists(caller_of(request), uri):
        raise NotFound(f"Package {uri} does not exist")
    return web.Response()


async def put_package(request: web.Request) -> web.Response:
    """`PUT /api/packages/gcs/NAME`: streamed through, never whole in memory."""
    chunks = _chunks(request)
    try:
        await jobs_of(request).put_package(caller_of(request), _uri(request), chunks, _size_hint(request))
    except PackageTooLarge:
        await chunks.aclose()
        await _discard_rest(request)
        raise
    return web.Response()


def _uri(request: web.Request) -> str:
    protocol, name = request.match_info["protocol"], request.match_info["name"]
    if protocol != "gcs":
        raise BadRequest(
            f"Packages are kept under gcs://, not {protocol}://; other URIs are fetched by the pool itself"
        )
    if not _NAME.fullmatch(name):
        raise BadRequest(f"'{name}' is no package name: use up to 200 letters, digits and '_.+!-'")
    return f"{protocol}://{name}"


def _size_hint(request: web.Request) -> int | None:
    # aiohttp unpacks an encoded body, so its length says nothing about the package's.
    return None if "Content-Encoding" in request.headers else request.content_length


async def _chunks(request: web.Request) -> AsyncGenerator[bytes, None]:
    """The body as it comes. Raises if the client breaks off."""
    async for chunk in request.content.iter_chunked(_CHUNK_BYTES):
        yield chunk


async def _discard_rest(request: web.Request) -> None:
    """Read what is still sent: Ray's client writes to the end before it looks for an answer."""
    with suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(_DISCARD_S):
            async for _ in request.content.iter_any():
                pass
