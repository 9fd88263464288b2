"""What every handler needs: the service, the caller, the body, an answer."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from ..domain.access import Caller
from ..errors import NotFound, PackageTooLarge
from .service import JobService, Services

SERVICES: web.AppKey[Services] = web.AppKey("services")
CALLER: web.RequestKey[Caller] = web.RequestKey("caller")

# A job's description; code and data travel as packages, which have their own limit.
MAX_JSON_BYTES = 1024 * 1024


def services_of(request: web.Request) -> Services:
    """The services that this app serves."""
    return request.app[SERVICES]


def jobs_of(request: web.Request) -> JobService:
    """The service behind Ray's Jobs API."""
    return services_of(request).jobs


def caller_of(request: web.Request) -> Caller:
    """Who sent the request, as the auth middleware found."""
    return request[CALLER]


def named(request: web.Request, what: str) -> str:
    """What a path names, such as `any_id`. What no store could hold is not there."""
    name = request.match_info[what]
    if not name.isprintable():  # NUL and half surrogate pairs among others
        raise NotFound(f"{name!a} does not exist")
    return name


def json_answer(body: Any, status: int = 200) -> web.Response:
    """A JSON answer."""
    return web.Response(text=json.dumps(body), status=status, content_type="application/json")


def answer(body: Any, status: int = 200) -> web.Response:
    """An answer of Spillover's own API: one of `domain.answers`, as JSON."""
    return json_answer(dataclasses.asdict(body), status)


def text_answer(text: str, status: int, headers: Mapping[str, str] | None = None) -> web.Response:
    """A plain text answer, as all of Ray's errors are."""
    return web.Response(text=text, status=status, headers=headers)


async def read_json_bytes(request: web.Request) -> bytes:
    """The whole body, if it is small enough to be a job's description."""
    if (request.content_length or 0) > MAX_JSON_BYTES:
        raise PackageTooLarge(_TOO_LARGE)
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise PackageTooLarge(_TOO_LARGE) from None


_TOO_LARGE = f"The request's body is over {MAX_JSON_BYTES} bytes. Put large inputs into the working_dir instead."


# Browsers send these, libraries do not (`ray.dashboard.optional_utils.is_browser_request`).
_BROWSER_HEADERS = (
    "Referer",
    "Origin",
    "Sec-Fetch-Mode",
    "Sec-Fetch-Dest",
    "Sec-Fetch-Site",
    "Sec-Fetch-User",
    "Access-Control-Request-Method",
    "Access-Control-Request-Headers",
)


def from_browser(headers: Mapping[str, str]) -> bool:
    """Ray's guess whether a request comes from a browser, which is not shown secrets."""
    return headers.get("User-Agent", "").startswith("Mozilla") or any(name in headers for name in _BROWSER_HEADERS)
