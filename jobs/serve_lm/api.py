"""OpenAI's API of a model, as FastAPI routes. Works below any prefix. No Ray in here."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import asdict, dataclass
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.exceptions import HTTPException

from serve_lm.answers import DONE, Answer, event
from serve_lm.batching import Piece
from serve_lm.engine import Engine, Failed, Full, Ticket
from serve_lm.schema import ApiError, Asked, ChatAsked, CompletionAsked

Json = dict[str, Any]


@dataclass(frozen=True)
class Card:
    """What clients are told of the model. All of `metadata` is ours, beside OpenAI's fields."""

    id: str
    context: int
    metadata: Json
    default_max_tokens: int
    retry_after_s: int = 1

    def body(self, created: int) -> Json:
        metadata = {"context": self.context, "token": "byte", **self.metadata}
        return {"id": self.id, "object": "model", "created": created, "owned_by": "lm", "metadata": metadata}


def api(engine: Engine, card: Card) -> FastAPI:
    """The routes over a started engine."""
    app = FastAPI(title=card.id)
    created = int(time.time())
    _answer_errors(app)

    @app.get("/v1/models")
    async def models() -> Json:
        return {"object": "list", "data": [card.body(created)]}

    @app.get("/v1/models/{model:path}")
    async def model(model: str) -> Json:
        if model != card.id:
            message = f"The model `{model}` does not exist; this application serves `{card.id}`."
            raise ApiError(404, message, param="model", code="model_not_found")
        return card.body(created)

    @app.post("/v1/chat/completions")
    async def chat(asked: ChatAsked) -> Response:
        return await _completed(engine, card, asked, is_chat=True)

    @app.post("/v1/completions")
    async def completions(asked: CompletionAsked) -> Response:
        return await _completed(engine, card, asked, is_chat=False)

    @app.get("/stats")
    async def stats() -> Json:
        return asdict(engine.load())

    return app


async def _completed(engine: Engine, card: Card, asked: Asked, *, is_chat: bool) -> Response:
    asked.check(card.id)
    request = asked.request(card.context, card.default_max_tokens)
    answer = Answer(card.id, len(request.prompt), is_chat, asked.with_usage)
    try:
        ticket = engine.submit(request)
    except Full as full:
        message = f"This replica is busy: {full}. Try again, or elsewhere."
        raise ApiError(503, message, code="overloaded", retry_after_s=card.retry_after_s) from None
    if asked.stream:
        headers = {"Cache-Control": "no-cache"}
        return StreamingResponse(_events(answer, ticket), media_type="text/event-stream", headers=headers)
    text, last = await _all_of(ticket)
    return JSONResponse(answer.whole(text, last))


async def _all_of(ticket: Ticket) -> tuple[str, Piece]:
    try:
        pieces = [piece async for piece in ticket]
    finally:  # also when the client has left
        ticket.cancel()
    return "".join(piece.text for piece in pieces), pieces[-1]


async def _events(answer: Answer, ticket: Ticket) -> AsyncIterator[bytes]:
    """Whoever leaves in between has this closed, and the ticket cancelled."""
    try:
        yield b"".join(map(event, answer.first()))
        async with aclosing(aiter(ticket)) as pieces:  # type: ignore[type-var]
            async for piece in pieces:
                yield b"".join(map(event, answer.piece(piece)))
        yield DONE
    except Failed as error:  # the answer has begun: it cannot become a 500 any more
        yield event(ApiError(500, str(error)).body)
    finally:
        ticket.cancel()


def _answer_errors(app: FastAPI) -> None:
    """Every error in OpenAI's shape."""

    @app.exception_handler(ApiError)
    async def ours(_: Request, error: ApiError) -> Response:
        return JSONResponse(error.body, error.status, error.headers)

    @app.exception_handler(Failed)
    async def failed(_: Request, error: Failed) -> Response:
        return JSONResponse(ApiError(500, str(error)).body, 500)

    @app.exception_handler(RequestValidationError)
    async def wrong(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        param = ".".join(str(part) for part in first["loc"] if part != "body")
        message = "; ".join(_told(one) for one in error.errors())
        return JSONResponse(ApiError(400, message, param=param or None).body, 400)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        message = f"{error.detail}: {request.method} {request.url.path}"
        return JSONResponse(ApiError(error.status_code, message).body, error.status_code, error.headers)


def _told(error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"] if part != "body")
    return f"{where}: {error['msg']}" if where else str(error["msg"])
