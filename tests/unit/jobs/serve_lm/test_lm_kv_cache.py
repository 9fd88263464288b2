"""The model with its cache is the model without one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

PROMPTS = (b"def f(x):", b"i", b"class Queue:\n    ")


def close(left: Any, right: Any) -> bool:
    import torch

    return torch.allclose(left, right, rtol=0, atol=1e-9)


def test_a_prompt_gives_the_same_logits(cached: Any, plain_logits: Any) -> None:
    """Taken up into any slot, a text is followed by what the plain model would have follow it."""
    decoder = cached(3)
    for slot, prompt in enumerate(PROMPTS):
        assert close(decoder.prefill(slot, prompt), plain_logits(list(prompt)))


def test_every_token_gives_the_same_logits(cached: Any, plain_logits: Any) -> None:
    """Sequences of different lengths, written token by token and all at once, see each its own past and nothing else."""
    decoder = cached(3)
    texts = [list(prompt) for prompt in PROMPTS]
    last = [int(decoder.prefill(slot, text).argmax()) for slot, text in enumerate(texts)]
    for _ in range(12):
        logits = decoder.decode(last, [len(text) for text in texts])
        for text, token, row in zip(texts, last, logits, strict=True):
            text.append(token)
            assert close(row, plain_logits(text))
        last = logits.argmax(-1).tolist()


def test_a_sequence_may_move(cached: Any, plain_logits: Any) -> None:
    """In the slot of one that has ended, which was longer, it goes on as if nothing had happened."""
    decoder = cached(3)
    for slot, prompt in enumerate((PROMPTS[2], PROMPTS[0], PROMPTS[1])):
        decoder.prefill(slot, prompt)
    decoder.move(2, 0, len(PROMPTS[1]))
    logits = decoder.decode([65, 66], [len(PROMPTS[1]), len(PROMPTS[0])])
    assert close(logits[0], plain_logits([*PROMPTS[1], 65]))
    assert close(logits[1], plain_logits([*PROMPTS[0], 66]))


def test_what_the_cache_holds_counts(cached: Any, plain_logits: Any) -> None:
    """The tests above could fail: with a past that is not its own, a sequence is followed by something else."""
    decoder = cached(1)
    decoder.prefill(0, PROMPTS[0])
    wrong = decoder.decode([65], [len(PROMPTS[0])])[0]
    assert not close(wrong, plain_logits([*PROMPTS[2][: len(PROMPTS[0])], 65]))


@pytest.mark.parametrize("used", [1, 48])
def test_the_last_position_can_be_used(cached: Any, plain_logits: Callable[..., Any], used: int) -> None:
    """A prompt may be as long as the context, and as short as a byte."""
    text = (b"abcdefgh" * 6)[:used]
    assert close(cached(1).prefill(0, text), plain_logits(list(text)))
