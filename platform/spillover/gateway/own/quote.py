"""What a job would cost and how long it would wait, before anything is submitted."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from ...domain.access import Role
from ...domain.answers import Quote
from ...domain.job import SubmitRequest
from ..query import known_query
from ..web import answer, caller_of, read_json_bytes, services_of
from ..wire import parse_quote
from .endpoint import Endpoint


@dataclass(frozen=True)
class QuoteRequest(SubmitRequest):
    """The body of Ray's `POST /api/jobs/`, with what Spillover reads in `metadata`. All may be left out."""

    entrypoint: str = ""
    submission_id: str | None = None


async def quote(request: web.Request) -> web.Response:
    """What would become of this submit request now: every offer, the one that is chosen, and how long it would wait.

    The body is that of Ray's `POST /api/jobs/`; `entrypoint` may be left out. Nothing is started, nothing is kept.
    """
    known_query(request, ())
    asked = parse_quote(await read_json_bytes(request))
    return answer(await services_of(request).insight.quote(caller_of(request), asked))


ENDPOINTS = (Endpoint("POST", "/quote", quote, Quote, body=QuoteRequest, least=Role.USER),)
