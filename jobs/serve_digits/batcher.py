"""Dynamic batching for one model in one process: what waits when the model is free goes as one batch.

`@serve.batch` closes a batch when its time is up, also while the model is busy with the one before; under load many
small batches then stand in line. Here a batch is closed when the model takes it, so that it has all that waits.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from serve_digits.adaptation import Lately, Seen, Terms

T = TypeVar("T")
R = TypeVar("R")

RECENT = 256  # batches that the rule looks at
ADAPT_EVERY_S = 0.25

Rule = Callable[[Terms, Sequence[Seen], Lately], Terms]


class Full(Exception):
    """As many requests wait as may."""


@dataclass
class Waiting(Generic[T, R]):
    item: T
    since_s: float
    answer: asyncio.Future[R] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Batcher(Generic[T, R]):
    """Call it with one item. For one event loop; the model runs in a thread of its own."""

    def __init__(
        self,
        run: Callable[[list[T]], Sequence[R]],
        terms: Terms,
        waiting: int,
        rule: Rule | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._run, self._most, self._rule, self._clock = run, waiting, rule, clock
        self.terms = terms
        self.seen: deque[Seen] = deque(maxlen=RECENT)
        self.items = self.batches = 0  # done in all
        self._busy_s, self._came, self._since_s = 0.0, 0, clock()
        self._waiting: deque[Waiting[T, R]] = deque()
        self._news = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="model")
        self._task: asyncio.Task[None] | None = None

    async def __call__(self, item: T) -> R:
        """Raises Full, or what the model raises for its batch."""
        if len(self._waiting) >= self._most:
            raise Full(f"{len(self._waiting)} requests wait already")
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._work())
        one: Waiting[T, R] = Waiting(item, self._clock())
        self._waiting.append(one)
        self._came += 1
        self._news.set()
        return await one.answer

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
        self._thread.shutdown(wait=False)

    async def _work(self) -> None:
        while True:
            await self._company()
            batch = self._taken()
            if batch:
                await self._do(batch)
                self._adapt()

    async def _company(self) -> None:
        """Until there is a full batch, or the first one has waited long enough."""
        while len(self._waiting) < self.terms.most:
            left_s = self._waiting[0].since_s + self.terms.wait_s - self._clock() if self._waiting else None
            if left_s is not None and left_s <= 0:
                return
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), left_s)
            except TimeoutError:
                return

    def _taken(self) -> list[Waiting[T, R]]:
        """The first that wait, without those whose client has gone."""
        batch: list[Waiting[T, R]] = []
        while self._waiting and len(batch) < self.terms.most:
            one = self._waiting.popleft()
            if not one.answer.done():
                batch.append(one)
        return batch

    async def _do(self, batch: list[Waiting[T, R]]) -> None:
        begun = self._clock()
        loop = asyncio.get_running_loop()
        try:
            answers = await loop.run_in_executor(self._thread, self._run, [one.item for one in batch])
        except Exception as error:
            for one in batch:
                if not one.answer.done():
                    one.answer.set_exception(error)
            return
        for one, answer in zip(batch, answers, strict=True):
            if not one.answer.done():
                one.answer.set_result(answer)
        self._note(Seen(len(batch), self._clock() - begun))

    def _note(self, seen: Seen) -> None:
        self.seen.append(seen)
        self.items += seen.size
        self.batches += 1
        self._busy_s += seen.seconds

    def _adapt(self) -> None:
        """Now and then: to look at all that was seen costs as much as a small batch."""
        elapsed_s = self._clock() - self._since_s
        if self._rule is None or elapsed_s < ADAPT_EVERY_S:
            return
        lately = Lately(self._busy_s / elapsed_s, self._came / elapsed_s)
        self.terms = self._rule(self.terms, list(self.seen), lately)
        self._busy_s, self._came, self._since_s = 0.0, 0, self._clock()
