"""Tokens: made, listed and revoked by administrators."""

from __future__ import annotations

from aiohttp import web

from ...domain.access import Role
from ...domain.answers import Message, NewToken, Page, TokenView
from ...domain.questions import TokenQuery, TokenRequest
from ..query import known_query, read_query
from ..web import answer, caller_of, named, read_json_bytes, services_of
from ..wire import parse_token_request
from .endpoint import Endpoint


async def create(request: web.Request) -> web.Response:
    """Make a token. The secret is in this answer alone: only its hash is kept."""
    known_query(request, ())
    asked = parse_token_request(await read_json_bytes(request))
    return answer(await services_of(request).tokens.create(caller_of(request), asked))


async def list_tokens(request: web.Request) -> web.Response:
    """The tokens that let somebody in, oldest first; with `dead=true` also those that do not any more."""
    query = read_query(request, TokenQuery)
    return answer(await services_of(request).tokens.list(caller_of(request), query))


async def revoke(request: web.Request) -> web.Response:
    """Let a token in no more, from the next request on."""
    known_query(request, ())
    return answer(Message(await services_of(request).tokens.revoke(caller_of(request), named(request, "token_id"))))


ENDPOINTS = (
    Endpoint("POST", "/tokens", create, NewToken, body=TokenRequest, least=Role.ADMIN),
    Endpoint("GET", "/tokens", list_tokens, Page[TokenView], TokenQuery, least=Role.ADMIN),
    Endpoint("DELETE", "/tokens/{token_id}", revoke, Message, least=Role.ADMIN),
)
