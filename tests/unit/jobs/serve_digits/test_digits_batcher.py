"""What waits when the model is free goes as one batch."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest


@pytest.fixture
def adaptation(load: Callable[[str], Any]) -> Any:
    return load("serve_digits.adaptation")


class Model:
    """Doubles numbers. Stands still until it is let through, if it is told to."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.begun, self.open = threading.Event(), threading.Event()
        self.open.set()

    def __call__(self, items: list[int]) -> list[int]:
        self.batches.append(items)
        self.begun.set()
        assert self.open.wait(30)
        return [2 * item for item in items]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def batcher(load: Callable[[str], Any], adaptation: Any, model: Model) -> Iterator[Callable[..., Any]]:
    made: list[Any] = []

    def make(most: int, wait_s: float = 0.0, waiting: int = 100, **said: Any) -> Any:
        made.append(load("serve_digits.batcher").Batcher(model, adaptation.Terms(most, wait_s), waiting, **said))
        return made[-1]

    yield make
    for one in made:
        one._thread.shutdown()


async def while_it_works(model: Model, batcher: Any, items: range) -> list[asyncio.Task[int]]:
    """The first item goes to the model, which stands still; the others come meanwhile."""
    model.open.clear()
    tasks = [asyncio.ensure_future(batcher(item)) for item in items[:1]]
    await asyncio.to_thread(model.begun.wait, 30)
    tasks += [asyncio.ensure_future(batcher(item)) for item in items[1:]]
    await asyncio.sleep(0)
    return tasks


def test_what_waits_goes_together(model: Model, batcher: Any) -> None:
    """Ten that come while the model works go as batches of four, in their order, and each gets its own answer."""
    make = batcher(most=4)

    async def run() -> list[int]:
        tasks = await while_it_works(model, make, range(11))
        model.open.set()
        return await asyncio.gather(*tasks)

    assert asyncio.run(run()) == [2 * i for i in range(11)]
    assert model.batches == [[0], [1, 2, 3, 4], [5, 6, 7, 8], [9, 10]]
    assert (make.items, make.batches) == (11, 4)


def test_one_by_one_without_batching(model: Model, batcher: Any) -> None:
    """A batch of at most one is no batch."""
    make = batcher(most=1)

    async def run() -> None:
        await asyncio.gather(*[make(i) for i in range(4)])

    asyncio.run(run())
    assert model.batches == [[0], [1], [2], [3]]


def test_a_full_batch_waits_for_nobody(model: Model, batcher: Any) -> None:
    """With an hour to wait for company, two of two go at once."""
    make = batcher(most=2, wait_s=3600)

    async def run() -> list[int]:
        return await asyncio.wait_for(asyncio.gather(make(1), make(2)), 60)

    assert asyncio.run(run()) == [2, 4]
    assert model.batches == [[1, 2]]


def test_company_is_waited_for(model: Model, batcher: Any) -> None:
    """What comes within the wait goes along; when it is over, whoever is there goes."""
    clock = Clock()
    make = batcher(most=8, wait_s=3600, clock=clock)

    async def run() -> list[int]:
        tasks = [asyncio.ensure_future(make(1))]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert model.batches == []
        clock.now = 3601
        tasks.append(asyncio.ensure_future(make(2)))
        return await asyncio.wait_for(asyncio.gather(*tasks), 60)

    assert asyncio.run(run()) == [2, 4]
    assert model.batches == [[1, 2]]


def test_more_than_may_wait_is_refused(load: Callable[[str], Any], model: Model, batcher: Any) -> None:
    """While two wait a third is refused, and taken later."""
    make = batcher(most=1, waiting=2)

    async def run() -> None:
        tasks = await while_it_works(model, make, range(3))
        with pytest.raises(load("serve_digits.batcher").Full, match="2 requests wait already"):
            await make(3)
        model.open.set()
        await asyncio.gather(*tasks)
        assert await make(3) == 6

    asyncio.run(run())


def test_who_has_left_takes_no_place(model: Model, batcher: Any) -> None:
    """A cancelled request is not worked on; the others go in a full batch."""
    make = batcher(most=2)

    async def run() -> None:
        first, gone, *others = await while_it_works(model, make, range(4))
        gone.cancel()
        await asyncio.sleep(0)
        model.open.set()
        await asyncio.gather(first, *others)

    asyncio.run(run())
    assert model.batches == [[0], [2, 3]]


def test_an_error_is_that_of_its_batch_alone(model: Model, batcher: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of the batch are told, and the next one is answered."""
    make = batcher(most=2)

    async def run() -> list[Any]:
        monkeypatch.setattr(make, "_run", lambda items: 1 // 0)
        failed = await asyncio.gather(make(1), make(2), return_exceptions=True)
        monkeypatch.setattr(make, "_run", model)
        return [*failed, await make(3)]

    *failed, answered = asyncio.run(run())
    assert [type(error) for error in failed] == [ZeroDivisionError] * 2
    assert answered == 6


def test_terms_follow_the_rule(model: Model, adaptation: Any, batcher: Any) -> None:
    """The rule sees the batches, how busy the model was and how many came, now and then, and its terms hold from the next batch on."""
    clock, calls = Clock(), []

    def rule(now: Any, seen: Any, lately: Any) -> Any:
        calls.append((now.most, [s.size for s in seen], lately.busy, lately.per_s))
        return adaptation.Terms(3, 0.0)

    make = batcher(most=1, rule=rule, clock=clock)

    async def run() -> None:
        await make(0)
        assert calls == []  # no time has passed
        tasks = await while_it_works(model, make, range(5))
        clock.now = 1.0
        model.open.set()
        await asyncio.gather(*tasks)

    asyncio.run(run())
    assert calls == [(1, [1, 1], 1.0, 6.0)]
    assert model.batches == [[0], [0], [1, 2, 3], [4]]
