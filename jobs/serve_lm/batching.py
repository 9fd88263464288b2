"""Continuous batching (Orca, Yu et al. 2022): requests join and leave between any two steps of the model.

A step takes up waiting requests while there are free slots, then writes one token of every sequence at once.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from serve_lm.cache import CachedDecoder
from serve_lm.sampler import Choice, sample
from serve_lm.text import Writer

BYTES = 256  # tokens that are bytes; a model may have more
STOP, LENGTH = "stop", "length"  # OpenAI's words


@dataclass(frozen=True)
class Request:
    prompt: bytes  # at least one byte
    max_tokens: int
    temperature: float = 1.0
    top_p: float = 1.0
    stops: tuple[bytes, ...] = ()
    seed: int | None = None


@dataclass(frozen=True)
class Piece:
    """Of an answer; the last one says why it ends."""

    text: str
    tokens: int  # written so far
    finish: str | None = None


@dataclass(eq=False)
class Work:
    """A request on its way. `take` is called with each piece, in the thread that runs the steps."""

    request: Request
    take: Callable[[Piece], None]
    tokens: int = 0  # written
    last: int = 0  # the newest token: its keys and values are not in the cache yet
    is_cancelled: bool = False
    writer: Writer = field(init=False)
    random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.writer = Writer(self.request.stops)
        self.random = random.Random(self.request.seed)

    @property
    def length(self) -> int:
        """Positions of it in the cache."""
        return len(self.request.prompt) + self.tokens - 1

    def choice(self) -> Choice:
        return Choice(self.request.temperature, self.request.top_p, self.random.random())

    def write(self, token: int) -> bool:
        """True if it was the last one."""
        self.last, self.tokens = token, self.tokens + 1
        text = self.writer.put(token)
        finish = STOP if self.writer.is_stopped else LENGTH if self.tokens == self.request.max_tokens else None
        if finish == LENGTH:
            text += self.writer.end()
        if text or finish:
            self.take(Piece(text, self.tokens, finish))
        return finish is not None


class Batch:
    """The sequences that are worked on: `active[i]` lies in slot i of the cache. For one thread."""

    def __init__(self, decoder: CachedDecoder) -> None:
        self.decoder = decoder
        self.active: list[Work] = []
        self.steps = 0  # of all sequences at once
        self.tokens = 0  # written in all

    @property
    def has_room(self) -> bool:
        return len(self.active) < self.decoder.slots

    def step(self, waiting: deque[Work]) -> None:
        """Take up what waits while there is room, then write a token of each."""
        self._retire([i for i, work in enumerate(self.active) if work.is_cancelled])
        while waiting and self.has_room:
            self._admit(waiting.popleft())
        if self.active:
            self._decode()

    def _admit(self, work: Work) -> None:
        if work.is_cancelled:
            return
        logits = self.decoder.prefill(len(self.active), work.request.prompt)
        self.tokens += 1
        if not work.write(sample(logits[None, :BYTES], [work.choice()])[0]):
            self.active.append(work)

    def _decode(self) -> None:
        logits = self.decoder.decode([w.last for w in self.active], [w.length for w in self.active])
        tokens = sample(logits[:, :BYTES], [w.choice() for w in self.active])
        self.steps += 1
        self.tokens += len(tokens)
        ended = [i for i, (work, token) in enumerate(zip(self.active, tokens, strict=True)) if work.write(token)]
        self._retire(ended)

    def _retire(self, ended: list[int]) -> None:
        """Their slots are free at once: the last sequence moves into each."""
        for i in reversed(ended):
            last = self.active.pop()
            if i < len(self.active):
                self.decoder.move(len(self.active), i, last.length)
                self.active[i] = last
