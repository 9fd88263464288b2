"""What every handler needs: the service, the caller, the body, an answer."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from ..errors import BadRequest, NotFound, PackageTooLarge
from ..ports import Caller
from .service import JobService

SERVICE: web.AppKey[JobService] = web.AppKey("service")
CALLER: web.RequestKey[Caller] = web.RequestKey("caller")

# A job's description; code and data travel as packages, which have their own limit.
MAX_JSON_BYTES = 1024 * 1024


def service_of(request: web.Request) -> JobService:
    """The service that this app serves."""
    return request.app[SERVICE]


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


def query_of(request: web.Request, known: tuple[str, ...]) -> dict[str, str]:
    """The query, refusing what would be silently ignored."""
    for name, value in request.query.items():
        if not value.isprintable():
            raise BadRequest(f"The query parameter {name!a} holds what is no text")
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known)}"
            raise BadRequest(f"Unknown query parameter {name!a}; {hint}")
    return dict(request.query)


def limit_of(query: Mapping[str, str], default: int, most: int = 10_000) -> int:
    """The `limit` of a query."""
    text = query.get("limit", str(default))
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= most):
        raise BadRequest(f"limit must be a whole number from 1 to {most}, got '{text}'")
    return int(text)


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
