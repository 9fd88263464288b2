"""The work queue: no key twice at once, duplicates merged, failures backed off."""

import asyncio
import logging
from itertools import pairwise

import pytest
from fakes import ManualClock
from world import spin

from spillover.control.workqueue import WorkQueue

pytestmark = pytest.mark.asyncio


class Worker:
    """Handles keys when it is let; counts who is at it."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.active: list[str] = []
        self.most = 0
        self.gate = asyncio.Event()
        self.fails = False

    async def handle(self, key: str) -> None:
        assert key not in self.active
        self.begun.append(key)
        self.active.append(key)
        self.most = max(self.most, len(self.active))
        await self.gate.wait()
        self.active.remove(key)
        if self.fails:
            raise RuntimeError("no")


async def test_duplicates_are_merged() -> None:
    """However often a key is added during its run, it is handled once more, never twice at once."""
    worker = Worker()
    queue = WorkQueue(worker.handle, ManualClock(), limit=4)
    for _ in range(5):
        queue.add("a")
        await asyncio.sleep(0)
    assert worker.begun == ["a"]
    worker.gate.set()
    await queue.idle()
    assert worker.begun == ["a", "a"]


async def test_no_more_than_the_limit_at_once() -> None:
    """Keys run side by side up to the limit; none is forgotten."""
    worker = Worker()
    queue = WorkQueue(worker.handle, ManualClock(), limit=2)
    for key in "abcde":
        queue.add(key)
    await spin(lambda: len(worker.active) == 2)
    worker.gate.set()
    await queue.idle()
    assert (sorted(worker.begun), worker.most) == (list("abcde"), 2)


async def test_failing_key_is_backed_off(caplog: pytest.LogCaptureFixture) -> None:
    """A key that fails is not handled again before 1, 2, 4 ... at most 60 seconds; others are not held up."""
    caplog.set_level(logging.CRITICAL)
    worker, clock = Worker(), ManualClock()
    queue = WorkQueue(worker.handle, clock, limit=4)
    worker.gate.set()
    worker.fails = True
    times: list[float] = []
    while len(times) < 10:
        queue.add("a")
        await queue.idle()
        times += [clock.now()] * (len(worker.begun) - len(times))
        clock.advance(0.5)
    assert [b - a for a, b in pairwise(times)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    worker.fails = False
    queue.add("b")
    await queue.idle()
    assert worker.begun[-1] == "b"


async def test_success_ends_the_back_off(caplog: pytest.LogCaptureFixture) -> None:
    """After a success the next failure starts from one second again."""
    caplog.set_level(logging.CRITICAL)
    worker, clock = Worker(), ManualClock()
    queue = WorkQueue(worker.handle, clock, limit=4)
    worker.gate.set()
    for fails in (True, True, False, True):
        worker.fails = fails
        queue.add("a")
        await queue.idle()
        clock.advance(2)
    clock.advance(-1)
    queue.add("a")
    await queue.idle()
    assert len(worker.begun) == 5


async def test_close_cancels_what_runs() -> None:
    """After close nothing runs any more."""
    worker = Worker()
    queue = WorkQueue(worker.handle, ManualClock(), limit=4)
    queue.add("a")
    queue.add("b")
    await spin(lambda: len(worker.active) == 2)
    await queue.close()
    assert not queue._running
