"""Batches that one process reads by itself; Ray Data's are compared with them on a real cluster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

CONTEXT = 20


@pytest.fixture
def stream(load: Callable[[str], Any]) -> Any:
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    return load("lm.stream")


@pytest.fixture
def settings(load: Callable[[str], Any]) -> Any:
    made = load("lm.settings")
    data = made.Data(parts=3, block_bytes=100, shuffle_blocks=2, validation_sequences=10)
    return made.Settings(model=made.Model(context=CONTEXT), batch=made.Batch(sequences=4), data=data)


@pytest.fixture
def text(load: Callable[[str], Any], tmp_path: Path) -> Any:
    """4,000 bytes that say where they are: as many windows as there are numbers."""
    (tmp_path / "all.txt").write_bytes(b"".join(f"{number:>20}".encode() for number in range(200)))
    catalogue = load("lm.catalogue")
    return catalogue.Catalogue(str(tmp_path), (catalogue.File("all.txt", 4000, 0, 4000),))


def numbers(part: Any) -> list[int]:
    """The windows of one part of a batch."""
    return [int(bytes(tokens.tolist())) for tokens in part[0]]


def test_a_batch_is_tokens_and_targets(stream: Any, text: Any, settings: Any) -> None:
    """Of each part int64 (sequences, context), and a target is the byte after its token."""
    order = stream.Order.of(text, settings)
    batch = next(stream.local_batches(text, order, [0, 2], 0))
    assert len(batch) == 2
    for tokens, targets in batch:
        assert tokens.shape == targets.shape == (4, CONTEXT)
        assert str(tokens.dtype) == str(targets.dtype) == "torch.int64"
        assert tokens[:, 1:].tolist() == targets[:, :-1].tolist()
        assert {chr(byte) for byte in targets[:, -1].tolist()} == {" "}  # the first byte of the next window


def test_batches_are_the_orders(stream: Any, text: Any, settings: Any) -> None:
    """Step by step and part by part the windows that the order names, two epochs long."""
    order = stream.Order.of(text, settings)
    wanted: list[list[int]] = [[], [], []]
    for row in islice(order.groups_from(0, [0, 1, 2]), 2 * -(-order.part_windows // order.group_windows)):
        for part, group in enumerate(row):
            wanted[part] += order.group(group).tolist()
    for step, batch in enumerate(islice(stream.local_batches(text, order, [0, 1, 2], 0), 2 * order.steps_per_epoch)):
        assert [numbers(part) for part in batch] == [windows[4 * step : 4 * step + 4] for windows in wanted]


def test_a_resumed_stream_goes_on(stream: Any, text: Any, settings: Any) -> None:
    """With other parts a rank has others' numbers, and from a later step the later ones, in the next epoch too."""
    order = stream.Order.of(text, settings)
    alone = list(islice(stream.local_batches(text, order, [0, 1, 2], 0), 40))
    resumed = list(islice(stream.local_batches(text, order, [2], 23), 17))
    assert [numbers(batch[0]) for batch in resumed] == [numbers(batch[2]) for batch in alone[23:]]
    assert order.steps_per_epoch < 40


def test_a_step_may_be_longer_than_a_group(stream: Any, text: Any, settings: Any) -> None:
    """A step takes as many groups as it needs."""
    wide = replace(settings, batch=replace(settings.batch, sequences=25))
    order = stream.Order.of(text, wide)
    batch = next(stream.local_batches(text, order, [0, 1], 0))
    assert order.group_windows < 25
    assert len({*numbers(batch[0]), *numbers(batch[1])}) == 50


def test_held_out_text_is_always_the_same(stream: Any, text: Any, settings: Any) -> None:
    """Whichever rank has a part, it has the same sequences, and all parts together are spread over the text."""
    alone = [numbers(part) for part in stream.validation(text, settings, [0, 1, 2])]
    assert [numbers(part) for part in stream.validation(text, settings, [2])] == alone[2:]
    assert sorted(number for part in alone for number in part) == [199 * at // 9 for at in range(9)]


def test_too_little_held_out_text(stream: Any, text: Any, settings: Any) -> None:
    """The error has the numbers, and names what to change."""
    short = replace(text, files=(replace(text.files[0], length=41),))
    with pytest.raises(ValueError, match=r"has 41 held-out bytes, 2 sequences of 20, .* 3 parts needs one"):
        stream.validation(short, settings, [0])
