"""Degrees of parallelism: what is left over, who has which parts, and what cannot be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Load = Callable[[str], Any]


@pytest.fixture
def lay(load: Load) -> Callable[..., Any]:
    """A layout of so many ranks; keywords are fields of Parallel or Batch."""
    s, layout = load("lm.settings"), load("lm.layout")

    def lay(ranks: int, parts: int = 8, **said: Any) -> Any:
        """`context` is the degree."""
        degrees = {k: v for k, v in said.items() if k in s.Parallel.__dataclass_fields__}
        batch = {k: v for k, v in said.items() if k not in degrees}
        return layout.Layout.of(s.Parallel(**degrees), ranks, model=s.Model(), parts=parts, batch=s.Batch(**batch))

    return lay


@pytest.mark.parametrize(
    ("ranks", "said", "expected"),
    [
        (1, {}, "one process"),
        (4, {}, "data 4"),
        (8, {"fully_sharded": 2, "tensor": 2}, "data 2 x fully_sharded 2 x tensor 2"),
        (8, {"fully_sharded": -1, "tensor": 2}, "fully_sharded 4 x tensor 2"),
        (8, {"data": 2, "fully_sharded": -1}, "data 2 x fully_sharded 4"),
        (4, {"pipeline": 2, "context": 2}, "pipeline 2 x context 2"),
    ],
)
def test_what_is_not_said_is_what_the_others_leave(lay: Any, ranks: int, said: Any, expected: str) -> None:
    """-1 takes the ranks that are left; where both may, sharding takes them."""
    assert str(lay(ranks, **said)) == expected


def test_ranks_that_share_parts_are_neighbours(lay: Any) -> None:
    """Tensor and context ranks of a group have the same share of the parts, and so has every stage of a pipeline."""
    layout = lay(16, pipeline=2, fully_sharded=2, context=2, tensor=2)
    assert [layout.data_rank(rank) for rank in range(16)] == [0, 0, 0, 0, 1, 1, 1, 1] * 2
    assert [layout.context_rank(rank) for rank in range(8)] == [0, 0, 1, 1, 0, 0, 1, 1]
    assert (layout.data_ranks, layout.sharers, layout.holders) == (2, 8, 8)


def test_ranks_need_not_divide_the_parts(lay: Any) -> None:
    """Three ranks share four parts: the busiest has two."""
    layout = lay(3, parts=4)
    assert (layout.data_ranks, layout.slots(4)) == (3, 2)


@pytest.mark.parametrize(
    ("ranks", "said", "words"),
    [
        (4, {"data": 3}, "data 3 x fully_sharded 1 x context 1 x tensor 1 = 3 ranks, not 4"),
        (3, {"tensor": 2}, "tensor 2 = 2 ranks, not 3"),
        (4, {"tensor": 4}, "model.kv_heads 2 is not divisible by parallel.tensor = 4: take 4"),
        (3, {"tensor": 3}, "model.heads 4 is not divisible by parallel.tensor = 3"),
        (5, {"context": 5}, "model.context 256 is not divisible by 2 x parallel.context x parallel.tensor = 10"),
        (3, {"pipeline": 3}, "model.layers 4 is not divisible by parallel.pipeline = 3: take 6"),
        (4, {"pipeline": 4, "schedule": "interleaved"}, "parallel.pipeline x parallel.stages_per_rank = 8"),
        (4, {"pipeline": 4, "parts": 1}, "a step has 1 micro-batches (1 parts x 8 sequences / 8 at once)"),
        (2, {"pipeline": 2, "schedule": "interleaved", "parts": 3}, "a multiple of parallel.pipeline 2"),
        (4, {"parts": 2}, "data 4 x fully_sharded 1 = 4 ranks share 2 parts of a batch: take data.parts=4"),
        (1, {"micro": 3}, "batch.sequences 8 is not divisible by batch.micro 3"),
        (2, {"tensor": 0}, "parallel.tensor 0 is below 1"),
        (2, {"tensor": -1}, "parallel.tensor -1 is below 1"),
    ],
)
def test_a_mistake_is_told_with_its_numbers(lay: Any, ranks: int, said: Any, words: str) -> None:
    """What does not fit is said with the numbers, and mostly with what would."""
    with pytest.raises(ValueError, match="cannot be laid out so") as error:
        lay(ranks, **said)
    assert words in str(error.value)


def test_all_mistakes_are_told_at_once(lay: Any) -> None:
    """A line for each, not the first alone."""
    with pytest.raises(ValueError) as error:
        lay(6, parts=1, tensor=3, micro=5)
    lines = str(error.value).splitlines()
    assert lines[0] == "6 workers cannot be laid out so:"
    things = {line.split()[0] for line in lines[1:]}
    assert things == {
        "model.heads", "model.kv_heads", "model.feed_forward", "model.vocabulary", "model.context",
        "data", "batch.sequences",
    }  # fmt: skip


@pytest.fixture
def pieces(load: Load) -> Callable[..., Any]:
    pytest.importorskip("torch")
    return load("lm.context_parallel").positions


@pytest.mark.parametrize("size", [1, 2, 4])
def test_context_ranks_share_a_sequence_evenly(pieces: Any, size: int) -> None:
    """Every position has one rank, and all ranks look at equally many positions."""
    shares = [pieces(32, rank, size).tolist() for rank in range(size)]
    assert sorted(position for share in shares for position in share) == list(range(32))
    assert len({sum(position + 1 for position in share) for share in shares}) == 1
