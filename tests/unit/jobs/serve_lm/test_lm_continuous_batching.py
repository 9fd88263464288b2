"""Requests join and leave between steps, and each is answered as if it were alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def batching(load: Callable[[str], Any]) -> Any:
    return load("serve_lm.batching")


class Answers:
    """Makes requests, and keeps what is answered."""

    def __init__(self, batching: Any) -> None:
        self.batching, self.pieces = batching, {}

    def work(self, prompt: bytes, max_tokens: int, **said: Any) -> Any:
        request = self.batching.Request(prompt, max_tokens, **({"temperature": 0.0} | said))
        found: list[Any] = []
        work = self.batching.Work(request, found.append)
        self.pieces[work] = found
        return work

    def text(self, work: Any) -> str:
        return "".join(piece.text for piece in self.pieces[work])

    def finish(self, work: Any) -> str | None:
        return self.pieces[work][-1].finish


@pytest.fixture
def answers(batching: Any) -> Answers:
    return Answers(batching)


def shown(tokens: list[int]) -> str:
    return bytes(tokens).decode(errors="replace")


def test_joining_and_leaving_changes_nobody_s_answer(
    batching: Any, answers: Answers, cached: Any, plain_greedy: Any
) -> None:
    """Five requests of different lengths over two slots, coming at different steps: each answer is the plain model's."""
    batch, waiting = batching.Batch(cached(2)), deque()
    asked = [(b"def f(", 9), (b"x", 3), (b"import os\n", 14), (b"# a", 1), (b"class A:\n  ", 7)]
    works = [answers.work(*one) for one in asked]
    for step in range(40):
        if step % 2 == 0 and step // 2 < len(works):
            waiting.append(works[step // 2])
        batch.step(waiting)
        assert len(batch.active) <= 2
    for work, (prompt, count) in zip(works, asked, strict=True):
        assert answers.text(work) == shown(plain_greedy(prompt, count))
        assert answers.finish(work) == "length"
        assert answers.pieces[work][-1].tokens == count
    assert batch.tokens == sum(count for _, count in asked)
    assert batch.active == []


def test_a_free_slot_is_taken_at_once(batching: Any, answers: Answers, cached: Any) -> None:
    """The step after one has ended takes up the next: nobody waits for the whole batch."""
    batch = batching.Batch(cached(2))
    short, long, third = answers.work(b"a", 3), answers.work(b"b", 20), answers.work(b"c", 5)
    waiting = deque([short, long, third])
    batch.step(waiting)
    batch.step(waiting)
    assert (answers.finish(short), len(waiting)) == ("length", 1)
    batch.step(waiting)
    assert batch.active == [long, third]
    assert answers.pieces[third]


def test_one_step_writes_a_token_of_each(batching: Any, answers: Answers, cached: Any) -> None:
    """Four sequences cost as many passes of the model as one."""
    batch = batching.Batch(cached(4))
    waiting = deque(answers.work(bytes([65 + i]), 6) for i in range(4))
    for _ in range(5):
        batch.step(waiting)
    assert (batch.steps, batch.tokens) == (5, 24)


def test_who_has_left_is_not_written_for(batching: Any, answers: Answers, cached: Any, plain_greedy: Any) -> None:
    """A cancelled request gives its slot up, in the queue or in the batch; the others do not notice."""
    batch = batching.Batch(cached(2))
    gone, stays, never = answers.work(b"a", 30), answers.work(b"bc", 12), answers.work(b"d", 9)
    waiting = deque([gone, stays, never])
    batch.step(waiting)
    gone.is_cancelled = never.is_cancelled = True
    before = len(answers.pieces[gone])
    for _ in range(11):
        batch.step(waiting)
    assert len(answers.pieces[gone]) == before
    assert answers.pieces[never] == []
    assert answers.text(stays) == shown(plain_greedy(b"bc", 12))
    assert batch.active == []


def test_a_stop_sequence_ends_an_answer(batching: Any, answers: Answers, cached: Any, plain_greedy: Any) -> None:
    """What the plain model writes, up to the stop; the tokens that were written count."""
    tokens = plain_greedy(b"def g(", 12)
    stop = bytes(tokens[5:7])
    at = bytes(tokens).index(stop)
    work = answers.work(b"def g(", 12, stops=(stop,))
    batch, waiting = batching.Batch(cached(1)), deque([work])
    for _ in range(12):
        batch.step(waiting)
    assert answers.text(work) == shown(tokens[:at])
    assert (answers.finish(work), answers.pieces[work][-1].tokens) == ("stop", at + 2)


def test_a_seed_gives_the_same_answer_again(batching: Any, answers: Answers, cached: Any) -> None:
    """Alone or among others; another seed gives another one."""
    alone = answers.work(b"def ", 20, temperature=1.0, seed=7)
    batch, waiting = batching.Batch(cached(1)), deque([alone])
    for _ in range(20):
        batch.step(waiting)
    again = answers.work(b"def ", 20, temperature=1.0, seed=7)
    other = answers.work(b"def ", 20, temperature=1.0, seed=8)
    batch, waiting = batching.Batch(cached(3)), deque([answers.work(b"zz", 3, temperature=1.0), other, again])
    for _ in range(20):
        batch.step(waiting)
    assert answers.text(again) == answers.text(alone)
    assert answers.text(other) != answers.text(alone)
