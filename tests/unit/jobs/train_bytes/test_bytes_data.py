"""The text of jobs/train_bytes, its split, and which rank reads what."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def data(load: Callable[[str], Any]) -> Any:
    pytest.importorskip("torch")
    return load("data")


def test_split_is_deterministic(data: Any) -> None:
    """Two loads give the same bytes, in training and in validation."""
    first, second = data.load_split(), data.load_split()
    assert first.train.equal(second.train)
    assert first.validation.equal(second.validation)


def test_split_is_by_file(data: Any) -> None:
    """Every file of the standard library is in exactly one part, and validation has about a tenth of them."""
    files = data.stdlib_files()
    split = data.load_split()
    assert len(split.train) + len(split.validation) == sum(f.stat().st_size for f in files)
    held_out = [f for f in files if data.is_validation(f.name)]
    assert 0.05 < len(held_out) / len(files) < 0.2


def test_no_text_is_an_error(data: Any) -> None:
    """A Python without its source fails with a sentence that says where it looked."""
    with pytest.raises(ValueError, match=r"no text to learn from: 0 bytes .* under /"):
        data.load_split([])


def test_too_long_a_context_is_an_error(data: Any) -> None:
    """A context longer than the text is refused with both numbers."""
    with pytest.raises(ValueError, match="10 bytes, too few for a context of 64"):
        data.sample(data.load_split().train[:10], batch=1, context=64, seed=0)


def test_targets_are_the_next_bytes(data: Any) -> None:
    """Each target is the byte that follows its input in the text."""
    tokens, targets = data.sample(data.load_split().train, batch=3, context=16, seed=0)
    assert tokens.shape == targets.shape == (3, 16)
    assert tokens[:, 1:].equal(targets[:, :-1])


def test_no_two_parts_or_steps_share_a_seed(data: Any) -> None:
    """Every part of every step draws its own text, and other run seeds draw others."""
    cells = list(itertools.product(range(3), range(200), range(4)))
    assert len({data.batch_seed(seed, step, part, 4) for seed, step, part in cells}) == len(cells)


def test_a_batch_follows_from_its_seed(data: Any) -> None:
    """The same seed gives the same batch, so ranks need not be told theirs."""
    text = data.load_split().train
    again = [data.sample(text, batch=2, context=8, seed=7)[0] for _ in range(2)]
    assert again[0].equal(again[1])
    assert not again[0].equal(data.sample(text, batch=2, context=8, seed=8)[0])
