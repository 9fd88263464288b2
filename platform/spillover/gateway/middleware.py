"""Around every handler: errors become text with a status, and nobody gets in without a token."""

from __future__ import annotations

import logging
import uuid

import aiohttp
from aiohttp import web
from aiohttp.typedefs import Handler

from ..domain.access import Caller, Role
from ..errors import Forbidden, PoolError, PoolUnreachable, RequestError, Unauthenticated
from .own import ENDPOINTS, ROOT
from .web import CALLER, services_of, text_answer

log = logging.getLogger(__name__)

_OPEN_OWN = {ROOT + endpoint.path for endpoint in ENDPOINTS if endpoint.least is None}
OPEN = frozenset({"/api/authentication_mode", *_OPEN_OWN})
_LEAST = {(e.method, ROOT + e.path): e.least for e in ENDPOINTS}

# Ray's texts. Its clients wrap them in an AuthenticationError, by the status.
MISSING_TOKEN = "Unauthorized: Missing authentication token"  # noqa: S105
WRONG_TOKEN = "Forbidden: Invalid authentication token"  # noqa: S105


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever a handler raises into an answer."""
    try:
        return await handler(request)
    except RequestError as error:
        return text_answer(error.text, error.status)
    except PoolError as error:
        # Not Ray's 500: the request was fine, and trying again may help.
        return text_answer(str(error), 503 if isinstance(error, PoolUnreachable) else 502)
    except web.HTTPException as error:
        return _http_error(request, error)
    except Exception as error:
        if _client_left(request, error):
            return text_answer("The client left", 400)  # for the access log alone
        return _unexpected(request, error)


def _http_error(request: web.Request, error: web.HTTPException) -> web.StreamResponse:
    if isinstance(error, web.HTTPNotFound):
        return text_answer(f"Nothing is at {request.rel_url.raw_path}. Spillover serves:\n{_served(request.app)}", 404)
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        text = f"{request.method} is not allowed at {request.rel_url.raw_path}; allowed: {allowed}"
        return text_answer(text, error.status, {"Allow": allowed})
    if error.status >= 400:
        return text_answer(error.text or error.reason, error.status)
    raise error


def _served(app: web.Application) -> str:
    routes = {
        f"  {route.method} {route.resource.canonical}"
        for route in app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    return "\n".join(sorted(routes, key=lambda line: (line.split()[1], line)))


def _client_left(request: web.Request, error: Exception) -> bool:
    """Whether the error is only that nobody is left to answer."""
    gone = request.transport is None or request.transport.is_closing()
    return gone and isinstance(error, ConnectionError | aiohttp.ClientError)


def _unexpected(request: web.Request, error: Exception) -> web.Response:
    reference = uuid.uuid4().hex[:8]
    # The raw path: a decoded one may hold line breaks, and write lines of its own into the log.
    log.error("%s %s failed, reference %s", request.method, request.rel_url.raw_path, reference, exc_info=error)
    return text_answer(f"Something went wrong inside Spillover. The server's log says more under {reference}", 500)


@web.middleware
async def auth(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let living tokens in, remember who it is, and keep a call to those whose role it takes."""
    resource = request.match_info.route.resource
    path = resource.canonical if resource is not None else request.path
    if path not in OPEN:
        caller = await services_of(request).tokens.caller_of(_token(request))
        _check_role(caller, _LEAST.get((request.method, path)) or Role.VIEWER)
        request[CALLER] = caller
    return await handler(request)


def _check_role(caller: Caller, least: Role) -> None:
    if not caller.role.allows(least):
        theirs = f"the token of '{caller.user}' has the role {caller.role}"
        raise Forbidden(f"Forbidden: this takes the role {least}; {theirs}.")


def _token(request: web.Request) -> str:
    """The bearer token, from the places and in the order in which Ray looks."""
    # The second header is for those behind proxies that use the first one themselves.
    header = request.headers.get("Authorization") or request.headers.get("X-Ray-Authorization")
    if not header:
        raise Unauthenticated(MISSING_TOKEN)
    scheme, _, token = header.partition(" ")
    if scheme != "Bearer" or not token.strip() or not token.isascii():
        raise Forbidden(WRONG_TOKEN)
    return token.strip()
