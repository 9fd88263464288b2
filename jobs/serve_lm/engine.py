"""The thread that runs the batch, and what async code sees of it: tickets that pieces of an answer come from."""

from __future__ import annotations

import asyncio
import threading
import traceback
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass

import torch

from serve_lm.batching import Batch, Piece, Request, Work
from serve_lm.cache import CachedDecoder

Delivery = tuple[asyncio.Queue[Piece | None], Piece | None]  # None: the engine has failed


class Full(Exception):
    """As many requests wait as may."""


class Failed(Exception):
    """The thread has ended by an error: this replica is of no use any more."""


@dataclass(frozen=True)
class Load:
    active: int
    waiting: int
    steps: int
    tokens: int


class Ticket:
    """Of one request. Iterate over it once, in the event loop that submitted it; `cancel` when nobody listens."""

    def __init__(self, engine: Engine, request: Request) -> None:
        self._engine, self._loop = engine, asyncio.get_running_loop()
        self._pieces: asyncio.Queue[Piece | None] = asyncio.Queue()
        self.work = Work(request, self._take)

    def _take(self, piece: Piece) -> None:
        """In the engine's thread."""
        if piece.finish is not None:
            self._engine.forget(self.work)
        self._engine.deliver(self._loop, (self._pieces, piece))

    def fail(self) -> None:
        """In the engine's thread."""
        self._engine.deliver(self._loop, (self._pieces, None))

    def cancel(self) -> None:
        self._engine.cancel(self.work)

    async def __aiter__(self) -> AsyncIterator[Piece]:
        """Raises Failed."""
        while True:
            piece = await self._pieces.get()
            if piece is None:
                raise Failed("the engine of this replica has failed: see its log")
            yield piece
            if piece.finish is not None:
                return


class Engine:
    """`start` it once; `submit` from any event loop."""

    def __init__(self, decoder: CachedDecoder, waiting: int, threads: int = 1) -> None:
        self._batch, self._most, self._threads = Batch(decoder), waiting, threads
        self._waiting: deque[Work] = deque()
        self._tickets: dict[Work, Ticket] = {}
        self._ready: dict[asyncio.AbstractEventLoop, list[Delivery]] = {}
        self._changed = threading.Condition()
        self._is_closed = False
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Waits for the step that is being done; whoever listens still is told that the engine has failed."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join()

    def submit(self, request: Request) -> Ticket:
        """Raises Full or Failed; it waits for nothing."""
        ticket = Ticket(self, request)
        with self._changed:
            if self.error is not None or self._is_closed:
                raise Failed(f"the engine of this replica has failed: {self.error}")
            if len(self._tickets) >= self._batch.decoder.slots + self._most:
                raise Full(f"{len(self._tickets)} requests are worked on or wait already")
            self._tickets[ticket.work] = ticket
            self._waiting.append(ticket.work)
            self._changed.notify()
        return ticket

    def cancel(self, work: Work) -> None:
        """Nothing is written of it any more; its place is free from the next step on."""
        with self._changed:
            work.is_cancelled = True
        self.forget(work)

    def forget(self, work: Work) -> None:
        with self._changed:
            self._tickets.pop(work, None)

    def load(self) -> Load:
        active = len(self._batch.active)
        return Load(active, max(0, len(self._tickets) - active), self._batch.steps, self._batch.tokens)

    # -- in its own thread ------------------------------------------------------------------------

    def deliver(self, loop: asyncio.AbstractEventLoop, delivery: Delivery) -> None:
        self._ready.setdefault(loop, []).append(delivery)

    def _run(self) -> None:
        torch.set_num_threads(self._threads)
        try:
            while self._work_or_wait():
                self._batch.step(self._taken())
                self._hand_over()
        except Exception as error:  # whatever it was, those who wait must hear of it
            self.error = error
            traceback.print_exception(error)
        finally:
            self._fail_all()

    def _work_or_wait(self) -> bool:
        """False once it is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or self._waiting or self._batch.active)
            return not self._is_closed

    def _taken(self) -> deque[Work]:
        """As many of those that wait as there is room for, without those whose client has gone."""
        with self._changed:
            going = sum(work.is_cancelled for work in self._batch.active)
            room = self._batch.decoder.slots - len(self._batch.active) + going
            taken: deque[Work] = deque()
            while self._waiting and len(taken) < room:
                work = self._waiting.popleft()
                if not work.is_cancelled:
                    taken.append(work)
            return taken

    def _hand_over(self) -> None:
        """What a step has written, to its loops: one call each, for every call wakes a thread."""
        ready, self._ready = self._ready, {}
        for loop, deliveries in ready.items():
            if not loop.is_closed():
                loop.call_soon_threadsafe(_deliver, deliveries)

    def _fail_all(self) -> None:
        with self._changed:
            self._is_closed = True
            tickets = list(self._tickets.values())
            self._tickets.clear()
        for ticket in tickets:
            ticket.fail()
        self._hand_over()


def _deliver(deliveries: list[Delivery]) -> None:
    for queue, piece in deliveries:
        queue.put_nowait(piece)
