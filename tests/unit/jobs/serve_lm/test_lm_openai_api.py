"""OpenAI's API, as its own client sees it: over the routes in this process, without a network."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

openai = pytest.importorskip("openai")
httpx2 = pytest.importorskip("httpx2")

PROMPT = [{"role": "user", "content": "def f("}]


@pytest.fixture
def app(load: Callable[[str], Any], cached: Any) -> Iterator[Any]:
    engine = load("serve_lm.engine").Engine(cached(2), waiting=1)
    engine.start()
    api = load("serve_lm.api")
    made = api.api(engine, api.Card("tiny", 48, {"source": "untrained", "step": None}, default_max_tokens=6))
    made.state.engine = engine
    yield made
    engine.close()


Call = Callable[[Any], Awaitable[Any]]


@pytest.fixture
def ask(app: Any) -> Callable[[Call], Any]:
    """Run a coroutine function of OpenAI's client below a prefix, as behind Ray Serve's proxy."""

    def run(call: Call) -> Any:
        async def inner() -> Any:
            transport = httpx2.ASGITransport(app=app, root_path="/chat")
            async with (
                httpx2.AsyncClient(transport=transport) as http,
                openai.AsyncOpenAI(
                    base_url="http://here/chat/v1", api_key="none", http_client=http, max_retries=0
                ) as client,
            ):
                return await call(client)

        return asyncio.run(inner())

    return run


@pytest.fixture
def greedy(plain_greedy: Any) -> Callable[[str, int], str]:
    return lambda prompt, count: bytes(plain_greedy(prompt.encode(), count)).decode(errors="replace")


def test_a_whole_answer(ask: Any, greedy: Any) -> None:
    """Text, why it ends, and what it has used, in bytes."""
    answer = ask(
        lambda c: c.chat.completions.create(model="tiny", messages=PROMPT, max_tokens=9, temperature=0, seed=1)
    )
    assert answer.choices[0].message.content == greedy("def f(", 9)
    assert (answer.choices[0].finish_reason, answer.object) == ("length", "chat.completion")
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (6, 9, 15)


async def chunks(stream: Awaitable[Any]) -> list[Any]:
    return [chunk async for chunk in await stream]


def test_a_streamed_answer(ask: Any, greedy: Any) -> None:
    """Its pieces are the whole answer; the piece that ends it has the usage, which nobody need ask for."""
    found = ask(
        lambda c: chunks(
            c.chat.completions.create(model="tiny", messages=PROMPT, max_tokens=9, temperature=0, stream=True)
        )
    )
    assert found[0].choices[0].delta.role == "assistant"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in found) == greedy("def f(", 9)
    assert [chunk.choices[0].finish_reason for chunk in found] == [None] * (len(found) - 1) + ["length"]
    assert found[-1].usage.completion_tokens == 9
    assert {chunk.id for chunk in found} == {found[0].id}


def test_usage_in_a_chunk_of_its_own(ask: Any) -> None:
    """Who asks for the usage gets OpenAI's last chunk without choices."""
    options = {"include_usage": True}
    found = ask(
        lambda c: chunks(c.chat.completions.create(model="tiny", messages=PROMPT, stream=True, stream_options=options))
    )
    assert found[-1].choices == []
    assert found[-1].usage.total_tokens == 6 + found[-1].usage.completion_tokens == 12


def test_completions_of_text(ask: Any, greedy: Any) -> None:
    """The older kind of request: whole, in pieces, and for a prompt of nothing."""
    said = {"model": "tiny", "prompt": "x = ", "max_tokens": 7, "temperature": 0}
    assert ask(lambda c: c.completions.create(**said)).choices[0].text == greedy("x = ", 7)
    found = ask(lambda c: chunks(c.completions.create(**said, stream=True)))
    assert "".join(chunk.choices[0].text for chunk in found) == greedy("x = ", 7)
    assert found[-1].usage.total_tokens == 11
    nothing = ask(lambda c: c.completions.create(**(said | {"prompt": ""})))
    assert nothing.choices[0].text == greedy("\n", 7)


def test_an_answer_has_a_length_without_being_told(ask: Any) -> None:
    """As set, or as much as the context has room for."""
    answer = ask(lambda c: c.chat.completions.create(model="tiny", messages=PROMPT))
    assert answer.usage.completion_tokens == 6
    long = [{"role": "user", "content": "a" * 45}]
    assert ask(lambda c: c.chat.completions.create(model="tiny", messages=long)).usage.completion_tokens == 3


def test_stops_and_parts(ask: Any, greedy: Any) -> None:
    """A stop sequence ends the answer; a content of parts is their texts, messages come one below the other."""
    whole = greedy("def\n f(", 9)
    messages = [
        {"role": "system", "content": "def"},
        {"role": "user", "content": [{"type": "text", "text": " f"}, {"type": "text", "text": "("}]},
    ]
    said = {"model": "tiny", "messages": messages, "max_completion_tokens": 9, "temperature": 0}
    assert ask(lambda c: c.chat.completions.create(**said)).choices[0].message.content == whole
    stop = next(sign for sign in whole[3:] if sign.isascii())
    stopped = ask(lambda c: c.chat.completions.create(**said, stop=[stop])).choices[0]
    assert (stopped.message.content, stopped.finish_reason) == (whole[: whole.index(stop)], "stop")


def test_models(ask: Any) -> None:
    """The one that is served, alone and in a list, and what its weights are."""
    listed = ask(lambda c: c.models.list())
    assert [model.id for model in listed.data] == ["tiny"]
    model = ask(lambda c: c.models.retrieve("tiny"))
    assert model.metadata == {"context": 48, "token": "byte", "source": "untrained", "step": None}
    with pytest.raises(openai.NotFoundError, match="this application serves `tiny`"):
        ask(lambda c: c.models.retrieve("gpt-4"))


@pytest.mark.parametrize(
    ("said", "status", "param", "words"),
    [
        ({"model": "gpt-4"}, 404, "model", "`gpt-4` does not exist; this application serves `tiny`"),
        ({"temperature": 3}, 400, "temperature", "less than or equal to 2"),
        ({"messages": []}, 400, "messages", "at least 1 item"),
        ({"max_tokens": 0}, 400, "max_tokens", "greater than or equal to 1"),
        ({"max_tokens": 43}, 400, "max_tokens", "context is 48 tokens, and a token is a byte. The prompt has 6"),
        ({"messages": [{"role": "user", "content": "a" * 48}]}, 400, None, "shorten the prompt"),
        ({"n": 2}, 400, "n", "n: not supported"),
        ({"logprobs": True, "tools": [{"type": "function"}]}, 400, "tools", "tools, logprobs: not supported"),
    ],
)
def test_mistakes_are_told_in_openai_s_shape(ask: Any, said: Any, status: int, param: str | None, words: str) -> None:
    """Its client raises its own errors, with the field at fault and the remedy."""
    body = {"model": "tiny", "messages": PROMPT} | said
    with pytest.raises(openai.APIStatusError, match=words) as found:
        ask(lambda c: c.post("/chat/completions", body=body, cast_to=object))
    assert (found.value.status_code, found.value.param, found.value.type) == (status, param, "invalid_request_error")


def test_no_json_and_no_route(app: Any) -> None:
    """Bodies that are no JSON and paths that are not there are told in the same shape."""

    async def ask() -> list[Any]:
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://here") as http:
            headers = {"Content-Type": "application/json"}
            return [
                await http.post("/v1/chat/completions", content=b"{", headers=headers),
                await http.get("/v1/embeddings"),
            ]

    bad, missing = asyncio.run(ask())
    assert (bad.status_code, missing.status_code) == (400, 404)
    assert "JSON" in bad.json()["error"]["message"]
    assert missing.json()["error"]["message"] == "Not Found: GET /v1/embeddings"


def test_a_full_replica_says_when_to_come_again(app: Any, ask: Any, load: Callable[[str], Any]) -> None:
    """503, which the client takes for something to retry, with Retry-After."""
    full = load("serve_lm.engine").Full

    def refuse(_: Any) -> None:
        raise full("3 requests are worked on or wait already")

    app.state.engine.submit = refuse
    with pytest.raises(openai.InternalServerError, match="busy: 3 requests") as found:
        ask(lambda c: c.chat.completions.create(model="tiny", messages=PROMPT))
    assert (found.value.status_code, found.value.code) == (503, "overloaded")
    assert found.value.response.headers["retry-after"] == "1"


def test_who_leaves_a_stream_is_not_written_for(app: Any) -> None:
    """A client that goes after two pieces of an answer of 40 tokens leaves nothing running behind."""
    decoder, permits = app.state.engine._batch.decoder, threading.Semaphore(3)  # steps until the client has gone
    decode = decoder.decode
    decoder.decode = lambda *given: permits.acquire() and decode(*given)

    async def leave() -> None:
        gone = asyncio.Event()
        body = json.dumps({"model": "tiny", "messages": PROMPT, "max_tokens": 40, "stream": True}).encode()
        asked = [{"type": "http.request", "body": body, "more_body": False}]
        sent: list[Any] = []

        async def receive() -> Any:
            if asked:
                return asked.pop()
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)
            if len(sent) == 4:  # its head, who speaks, and two pieces
                gone.set()
                await asyncio.Event().wait()  # nothing is taken any more

        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "http_version": "1.1",
            "method": "POST",
            "path": "/v1/chat/completions",
            "query_string": b"",
            "headers": [(b"content-type", b"application/json")],
        }
        await app(scope, receive, send)

    asyncio.run(asyncio.wait_for(leave(), 60))
    permits.release(100)
    engine = app.state.engine
    engine.close()
    assert engine.load().tokens <= 5  # one by the prefill, three before, and one that was being written
    assert engine._tickets == {}
