"""How the next token is chosen."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def sampler(load: Callable[[str], Any]) -> Any:
    pytest.importorskip("torch")
    return load("serve_lm.sampler")


def logits(*chances: float) -> Any:
    import torch

    return torch.tensor([chances]).log()


def drawn(sampler: Any, row: Any, count: int, **said: float) -> Counter[int]:
    numbers = random.Random(0)
    choices = [sampler.Choice(random=numbers.random(), **said) for _ in range(count)]
    return Counter(sampler.sample(row.expand(count, -1), choices))


def test_without_temperature_the_likeliest_comes(sampler: Any) -> None:
    """At temperature 0 no random number changes anything."""
    assert drawn(sampler, logits(0.3, 0.45, 0.25), 50, temperature=0.0) == {1: 50}


def test_tokens_come_as_often_as_they_are_likely(sampler: Any) -> None:
    """At temperature 1 the shares of many draws are the model's own chances."""
    found = drawn(sampler, logits(0.6, 0.1, 0.3), 20_000)
    assert [found[i] / 20_000 for i in range(3)] == pytest.approx([0.6, 0.1, 0.3], abs=0.01)


def test_a_low_temperature_sharpens(sampler: Any) -> None:
    """At temperature 1/2 chances are squared, and made to add up again."""
    found = drawn(sampler, logits(0.6, 0.4), 20_000, temperature=0.5)
    assert found[0] / 20_000 == pytest.approx(0.36 / (0.36 + 0.16), abs=0.01)


def test_top_p_cuts_the_tail_off(sampler: Any) -> None:
    """The likeliest tokens that have top_p together are drawn from, by their shares; none of the others."""
    found = drawn(sampler, logits(0.1, 0.5, 0.2, 0.2), 20_000, top_p=0.6)
    assert set(found) == {1, 2}
    assert found[1] / 20_000 == pytest.approx(0.5 / 0.7, abs=0.01)
    assert drawn(sampler, logits(0.1, 0.5, 0.4), 50, top_p=0.0) == {1: 50}


def test_the_largest_random_number_is_no_exception(sampler: Any) -> None:
    """It draws the least likely of those that may come, never one that may not."""
    choice = sampler.Choice(top_p=0.6, random=1 - 2**-53)
    assert sampler.sample(logits(0.1, 0.5, 0.2, 0.2), [choice]) == [2]


def test_others_in_the_batch_change_nothing(sampler: Any) -> None:
    """A row with the same random number gets the same token alone and among others, greedy ones too."""
    import torch

    rows = torch.randn(6, 20, generator=torch.Generator().manual_seed(1))
    choices = [sampler.Choice(temperature=t, top_p=0.9, random=r) for t, r in [(0, 0), (1, 0.3), (2, 0.9)] * 2]
    together = sampler.sample(rows, choices)
    assert together == [sampler.sample(rows[i : i + 1], choices[i : i + 1])[0] for i in range(6)]
