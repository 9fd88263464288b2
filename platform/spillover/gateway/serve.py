"""Ray's Serve API: what `serve deploy`, `status`, `config` and `shutdown` call."""

from __future__ import annotations

from aiohttp import web

from ..errors import BadRequest
from .web import caller_of, from_browser, json_answer, read_json_bytes, services_of
from .wire import parse_own

PATH = "/api/serve/applications/"

_DECLARATIVE = "declarative"
_API_TYPES = ("imperative", _DECLARATIVE)


async def get_applications(request: web.Request) -> web.Response:
    """`GET /api/serve/applications/`: Ray's ServeInstanceDetails of what the caller may see."""
    kind = _api_type(request.query.get("api_type", ""))
    details = await services_of(request).serve.details(caller_of(request), redact=from_browser(request.headers))
    # All of ours were deployed from a config file
    return json_answer(dict(details) if kind in ("", _DECLARATIVE) else {**details, "applications": {}})


def _api_type(text: str) -> str:
    if text and text.lower() not in _API_TYPES:
        raise BadRequest(f"Invalid 'api_type' value: '{text}'. Must be one of: {', '.join(_API_TYPES)}")
    return text.lower()


async def put_applications(request: web.Request) -> web.Response:
    """`PUT /api/serve/applications/`: the caller's applications are to be these and no others."""
    config = parse_own(await read_json_bytes(request))
    await services_of(request).serve.deploy(caller_of(request), config)
    return web.Response()


async def delete_applications(request: web.Request) -> web.Response:
    """`DELETE /api/serve/applications/`: take the caller's applications down."""
    await services_of(request).serve.shutdown(caller_of(request))
    return web.Response()
