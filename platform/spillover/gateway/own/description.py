"""The OpenAPI 3.1 description of Spillover's own API, made from its endpoints."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from ... import __version__
from ...domain.questions import KeyRequest, TokenRequest
from .endpoint import ROOT, Endpoint
from .quote import QuoteRequest
from .schemas import query_parameters, schemas_of

_ABOUT = (
    "What Spillover says about jobs, pools and money, and the orders that it takes. Jobs are submitted, followed and "
    "stopped through Ray's own Jobs API, `/api/jobs/`, which Spillover serves too: with `ray job submit`, or with "
    "Ray's `JobSubmissionClient`. Python has the API of this page as `spillover.Client`.\n\n"
    "Names end in their unit: `_s` seconds, `_at` Unix seconds, `_usd` US dollars. Null means not known, or not yet. "
    "Later servers may add fields to answers. Lists come in pages: `next` of one is `after` of the request for the one "
    "that follows, and null on the last. Errors are plain text that names the mistake and the remedy."
)
_TOKEN = "A token of Spillover, which is what Ray's clients send too: `RAY_AUTH_TOKEN`."  # noqa: S105  # it is about one
_IN_PATHS = {
    "any_id": "A submission id, or a pool's name and a core job id, such as `onprem:02000000`.",
    "pool": "The pool's name.",
    "host": "The host's address, as `GET /hosts` lists it.",
    "application": "The application's name.",
    "key_id": "The short id of the key, as `GET /keys` lists it; never the key itself.",
    "token_id": "The short id of the token, as `GET /tokens` lists it; never the token itself.",
    "link": "The signed link, as it was handed to the pool.",
    "name": "The package's file name, which ends as Ray's nodes expect.",
}
_EXAMPLES: dict[Any, dict[str, Any]] = {
    QuoteRequest: {"metadata": {"spillover/workers": "4x{GPU:2,CPU:16}", "spillover/runtime": "2h"}},
    TokenRequest: {"user": "ann", "team": "search"},
    KeyRequest: {"tenant": "acme", "requests_per_minute": 600},
}
_MEDIA = {bytes: "application/octet-stream", str: "text/html"}
_ERRORS = {
    "400": "BadRequest",
    "401": "Unauthenticated",
    "403": "Forbidden",
    "404": "NotFound",
    "413": "TooLarge",
    "5XX": "Failed",
}
_ERROR_TEXTS = {
    "BadRequest": "What is wrong with the request, and what would be right.",
    "Unauthenticated": "No token was sent.",
    "Forbidden": "The token lets nobody in, or its role or team does not allow this.",
    "NotFound": "What the path names does not exist.",
    "TooLarge": "The body is over 1 MiB.",
    "Failed": "Something failed inside Spillover (500; the server's log says more under the reference in the text), "
    "or a pool did not do its part (502, 503).",
}


def description(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """The whole description, as JSON knows it."""
    typed = [e for e in endpoints if e.answer not in _MEDIA and e.answer is not dict]
    bodies = [e.body for e in endpoints if e.body]
    schemas, named = schemas_of([e.answer for e in typed], bodies)
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Spillover", "version": __version__, "description": _ABOUT},
        "servers": [{"url": ROOT}],
        "tags": _tags(endpoints),
        "paths": paths,
        "components": {
            "schemas": named,
            "responses": {name: _error(text) for name, text in _ERROR_TEXTS.items()},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": _TOKEN}},
        },
    }


def noun(endpoint: Endpoint) -> str:
    """What the call is about: the name of its file."""
    return endpoint.handler.__module__.rpartition(".")[2]


def _tags(endpoints: Iterable[Endpoint]) -> list[dict[str, str]]:
    modules = dict.fromkeys(endpoint.handler.__module__ for endpoint in endpoints)
    return [{"name": m.rpartition(".")[2], "description": (sys.modules[m].__doc__ or "").strip()} for m in modules]


def _operation(endpoint: Endpoint, schemas: dict[Any, Any]) -> dict[str, Any]:
    about = noun(endpoint)
    name = endpoint.handler.__name__
    operation: dict[str, Any] = {
        "operationId": name if name == about else f"{about}_{name}",
        "tags": [about],
        "summary": _first_sentence(endpoint.text),
        "description": _unindented(endpoint.text),
        "parameters": _parameters(endpoint),
        "responses": _responses(endpoint, schemas),
        "security": [{"token": []}] if endpoint.least else [],
        "x-least-role": endpoint.least.value if endpoint.least else None,
    }
    if endpoint.body:
        content = {"schema": schemas[endpoint.body], "example": _EXAMPLES[endpoint.body]}
        operation["requestBody"] = {"required": True, "content": {"application/json": content}}
    return operation


def _parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    names = re.findall(r"{(\w+)}", endpoint.path)
    in_path = [
        {"name": n, "in": "path", "required": True, "description": _IN_PATHS[n], "schema": {"type": "string"}}
        for n in names
    ]
    return in_path + (query_parameters(endpoint.query) if endpoint.query else [])


def _responses(endpoint: Endpoint, schemas: dict[Any, Any]) -> dict[str, Any]:
    said = {"description": "Done.", "content": _content(endpoint, schemas)}
    codes = ["400", *(["401", "403"] if endpoint.least else ())]
    codes += ["404"] if "{" in endpoint.path else []
    codes += ["413"] if endpoint.body else []
    errors = {code: {"$ref": f"#/components/responses/{_ERRORS[code]}"} for code in (*codes, "5XX")}
    unready = {"503": {**said, "description": "Not ready yet."}} if endpoint.path == "/health" else {}
    return {"200": said, **errors, **unready}


def _content(endpoint: Endpoint, schemas: dict[Any, Any]) -> dict[str, Any]:
    if endpoint.answer in _MEDIA:
        return {_MEDIA[endpoint.answer]: {}}
    return {"application/json": {"schema": schemas.get(endpoint.answer, {"type": "object"})}}


def _error(text: str) -> dict[str, Any]:
    return {"description": text, "content": {"text/plain": {"schema": {"type": "string"}}}}


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=\.)\s", text, maxsplit=1)[0]


def _unindented(text: str) -> str:
    return "\n".join(line.strip() for line in text.splitlines())
