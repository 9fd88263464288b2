"""Keys of those who send requests to applications: made, listed and revoked by administrators."""

from __future__ import annotations

from aiohttp import web

from ...domain.access import Role
from ...domain.answers import KeyView, Message, NewKey, Page
from ...domain.questions import KeyQuery, KeyRequest
from ..body import read_body
from ..query import known_query, read_query
from ..web import answer, caller_of, named, read_json_bytes, services_of
from .endpoint import Endpoint


async def create_key(request: web.Request) -> web.Response:
    """Make a key. Its secret is in this answer alone: only its hash is kept."""
    known_query(request, ())
    asked = read_body(await read_json_bytes(request), KeyRequest)
    return answer(await services_of(request).keys.create(caller_of(request), asked))


async def keys(request: web.Request) -> web.Response:
    """The keys that let requests in, oldest first; with `dead=true` also those that do not any more."""
    query = read_query(request, KeyQuery)
    return answer(await services_of(request).keys.list(caller_of(request), query))


async def revoke_key(request: web.Request) -> web.Response:
    """Let a key in no more, as soon as the data plane was told."""
    known_query(request, ())
    return answer(Message(await services_of(request).keys.revoke(caller_of(request), named(request, "key_id"))))


ENDPOINTS = (
    Endpoint("POST", "/keys", create_key, NewKey, body=KeyRequest, least=Role.ADMIN),
    Endpoint("GET", "/keys", keys, Page[KeyView], KeyQuery, least=Role.ADMIN),
    Endpoint("DELETE", "/keys/{key_id}", revoke_key, Message, least=Role.ADMIN),
)
