"""The thread that runs the batch, seen from async code."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

Load = Callable[[str], Any]


@pytest.fixture
def engine(load: Load) -> Any:
    return load("serve_lm.engine")


@pytest.fixture
def start(engine: Any, cached: Any) -> Iterator[Callable[..., Any]]:
    """A running engine over a decoder, closed at the end."""
    made: list[Any] = []

    def start(slots: int = 2, waiting: int = 2, decoder: Any = None) -> Any:
        made.append(engine.Engine(decoder or cached(slots), waiting))
        made[-1].start()
        return made[-1]

    yield start
    for one in made:
        one.close()


@pytest.fixture
def request_of(load: Load) -> Callable[..., Any]:
    return lambda prompt, count: load("serve_lm.batching").Request(prompt, count, temperature=0.0)


class Gate:
    """A decoder that waits at every prefill until it is let through: `begun` is set when it gets there."""

    def __init__(self, decoder: Any) -> None:
        self.decoder, self.begun, self.open = decoder, threading.Event(), threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.decoder, name)

    def prefill(self, *given: Any) -> Any:
        self.begun.set()
        assert self.open.wait(30)
        return self.decoder.prefill(*given)


async def text_of(ticket: Any) -> str:
    return "".join([piece.text async for piece in ticket])


def test_answers_come_from_another_thread(start: Any, request_of: Any, plain_greedy: Any) -> None:
    """Several requests at once are each answered as the plain model would, in pieces."""
    running = start(slots=2, waiting=4)
    prompts = [b"def f(", b"x = ", b"import ", b"#"]

    async def ask() -> list[str]:
        return await asyncio.gather(*[text_of(running.submit(request_of(p, 8 + len(p)))) for p in prompts])

    expected = [bytes(plain_greedy(p, 8 + len(p))).decode(errors="replace") for p in prompts]
    assert asyncio.run(ask()) == expected
    load = running.load()
    assert (load.active, load.waiting, load.tokens) == (0, 0, sum(8 + len(p) for p in prompts))


def test_the_loop_is_free_while_the_model_works(start: Any, request_of: Any, cached: Any) -> None:
    """Other async work goes on in the middle of a step."""
    gate = Gate(cached(1))
    running = start(decoder=gate)

    async def ask() -> str:
        ticket = running.submit(request_of(b"a", 3))
        await asyncio.to_thread(gate.begun.wait, 30)
        gate.open.set()  # had the step held this loop, nobody would get here
        return await text_of(ticket)

    assert asyncio.run(ask())


def test_more_than_may_wait_is_refused(engine: Any, start: Any, request_of: Any, cached: Any) -> None:
    """One is worked on and two wait: a fourth is refused, and taken again once one has left."""
    gate = Gate(cached(1))
    running = start(waiting=2, decoder=gate)

    async def ask() -> list[str]:
        tickets = [running.submit(request_of(b"a", 3)) for _ in range(3)]
        with pytest.raises(engine.Full, match="3 requests"):
            running.submit(request_of(b"a", 3))
        tickets.pop().cancel()
        tickets.append(running.submit(request_of(b"a", 3)))
        gate.open.set()
        return await asyncio.gather(*map(text_of, tickets))

    assert len(set(asyncio.run(ask()))) == 1


def test_who_leaves_frees_the_slot(start: Any, request_of: Any) -> None:
    """A request of 40 tokens that is cancelled after the first piece ends long before its last token."""
    running = start(slots=1, waiting=1)

    async def ask() -> None:
        long, short = running.submit(request_of(b"a", 40)), running.submit(request_of(b"b", 2))
        async for _ in long:
            long.cancel()
            break
        await text_of(short)

    asyncio.run(ask())
    assert running.load().tokens < 40


def test_an_engine_that_fails_says_so(
    engine: Any, start: Any, request_of: Any, cached: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """All who wait are told, later ones at once, and the error stays to be seen."""
    gate = Gate(cached(1))
    gate.decoder.prefill = lambda *_: 1 / 0
    running = start(decoder=gate)

    async def ask() -> list[Any]:
        tickets = [running.submit(request_of(b"a", 3)) for _ in range(2)]
        gate.open.set()
        found = await asyncio.gather(*map(text_of, tickets), return_exceptions=True)
        with pytest.raises(engine.Failed, match="division by zero"):
            running.submit(request_of(b"a", 3))
        return found

    assert [type(one) for one in asyncio.run(ask())] == [engine.Failed] * 2
    assert isinstance(running.error, ZeroDivisionError)
    assert "ZeroDivisionError" in capsys.readouterr().err
