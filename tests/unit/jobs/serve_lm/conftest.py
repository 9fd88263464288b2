"""A small untrained model, and what it writes without a cache: what all else is held against."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

Load = Callable[[str], Any]
CONTEXT = 48


@pytest.fixture
def decoder(load: Load) -> Iterator[Callable[[], Any]]:
    """Makes the same model each time, in double precision: rounding then hides nothing."""
    torch = pytest.importorskip("torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    settings, model = load("lm.settings"), load("lm.model")

    def make() -> Any:
        made = model.Decoder(settings.Model(width=16, layers=2, heads=4, kv_heads=2, context=CONTEXT))
        made.init_weights(3)
        for weight in made.parameters():
            weight.data *= 8  # so that one token in the context is worth a change of the next
        return made.eval().double()

    yield make
    torch.set_num_threads(threads)


@pytest.fixture
def cached(load: Load, decoder: Callable[[], Any]) -> Callable[[int], Any]:
    """The model with a cache of so many slots."""

    def make(slots: int) -> Any:
        found = load("serve_lm.cache").CachedDecoder(decoder(), slots)
        for core in found.cores:
            core.keys, core.values = core.keys.double(), core.values.double()
        return found

    return make


@pytest.fixture
def plain_logits(decoder: Callable[[], Any]) -> Callable[[list[int]], Any]:
    """Of what follows some tokens, by the model as it is trained: no cache, the whole text at once."""
    import torch

    model = decoder()

    def logits(tokens: list[int]) -> Any:
        with torch.inference_mode():
            return model(torch.tensor([tokens]), torch.arange(len(tokens))[None])[0, -1]

    return logits


@pytest.fixture
def plain_greedy(plain_logits: Callable[[list[int]], Any]) -> Callable[[bytes, int], list[int]]:
    """The likeliest continuation."""

    def write(prompt: bytes, count: int) -> list[int]:
        tokens = list(prompt)
        for _ in range(count):
            tokens.append(int(plain_logits(tokens).argmax()))
        return tokens[len(prompt) :]

    return write
