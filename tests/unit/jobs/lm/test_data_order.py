"""The order of a text: every window at most once an epoch, and the same whoever reads and wherever it is resumed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

few = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
orders = st.fixed_dictionaries(
    {
        "context": st.just(4),
        "block": st.integers(1, 9),
        "shuffle_blocks": st.integers(1, 5),
        "parts": st.integers(1, 5),
        "sequences": st.integers(1, 6),
        "seed": st.integers(0, 2**40),
        "more": st.integers(0, 300),
    }
)


@pytest.fixture
def data(load: Callable[[str], Any]) -> Any:
    pytest.importorskip("pyarrow")
    return load("lm.data")


def order_of(data: Any, values: dict[str, int]) -> Any:
    """An order with enough windows for one step and `more`."""
    values = dict(values)
    return data.Order(windows=values["parts"] * values["sequences"] + values.pop("more"), **values)


def steps(order: Any, parts: list[int], start: int, count: int) -> list[list[list[int]]]:
    """For each step and part the windows, as a rank with these parts takes them."""
    held: list[list[int]] = [[] for _ in parts]
    rows, taken = order.groups_from(start, parts), []
    while len(taken) < count:
        while len(held[0]) < order.sequences:
            held = [rest + order.group(group).tolist() for rest, group in zip(held, next(rows), strict=True)]
        taken.append([windows[: order.sequences] for windows in held])
        held = [windows[order.sequences :] for windows in held]
    return taken


@given(values=orders, epoch=st.integers(0, 3))
@few
def test_no_window_comes_twice(data: Any, values: dict[str, int], epoch: int) -> None:
    """In an epoch all windows come once, but for fewer than one step takes."""
    order = order_of(data, values)
    of_epoch = steps(order, list(range(order.parts)), epoch * order.steps_per_epoch, order.steps_per_epoch)
    seen = [window for step in of_epoch for part in step for window in part]
    assert len(seen) == len(set(seen)) > order.windows - order.parts * order.sequences
    assert set(seen) <= set(range(order.windows))


@given(values=orders, ranks=st.integers(1, 5))
@few
def test_any_number_of_ranks_sees_the_same_batches(data: Any, values: dict[str, int], ranks: int) -> None:
    """Ranks that take parts r, r + n, ... have together the batches of one that takes all."""
    order, ranks = order_of(data, values), min(ranks, values["parts"])
    count = order.steps_per_epoch + 2
    alone = steps(order, list(range(order.parts)), 0, count)
    shares = [list(range(rank, order.parts, ranks)) for rank in range(ranks)]
    shared = [steps(order, share, 0, count) for share in shares]
    for step in range(count):
        together = {part: shared[r][step][at] for r, share in enumerate(shares) for at, part in enumerate(share)}
        assert [together[part] for part in range(order.parts)] == alone[step]


@given(values=orders, start=st.integers(0, 200))
@few
def test_a_start_is_a_continuation(data: Any, values: dict[str, int], start: int) -> None:
    """From any step on, over the ends of epochs, come the steps that would have come anyway."""
    order = order_of(data, values)
    start %= 3 * order.steps_per_epoch
    parts = list(range(order.parts))
    assert steps(order, parts, start, 5) == steps(order, parts, 0, start + 5)[start:]


@given(values=orders, start=st.integers(0, 200))
@few
def test_nothing_learnt_is_read_again(data: Any, values: dict[str, int], start: int) -> None:
    """The groups from a step on have exactly the windows of the rest of the epoch, and are as long as they say."""
    order = order_of(data, values)
    start %= order.steps_per_epoch
    rows = islice(order.groups_from(start, [0]), -(-order.part_windows // order.group_windows))
    groups = [row[0] for row in rows if row[0].epoch == 0]
    lengths = [len(order.group(group)) for group in groups]
    assert lengths == [order.group_length(group) for group in groups]
    assert sum(lengths) == (order.steps_per_epoch - start) * order.sequences


@pytest.fixture
def order(data: Any) -> Any:
    return data.Order(windows=1003, context=4, block=10, shuffle_blocks=5, parts=2, sequences=8, seed=0)


def test_epochs_seeds_parts_and_groups_differ(data: Any, order: Any) -> None:
    """Each has an order of its own, and none is that of the text."""
    group = data.Group(0, 0, 0)
    base = order.group(group).tolist()
    others = [replace(group, epoch=1), replace(group, part=1), replace(group, number=1)]
    drawn = [order.group(other).tolist() for other in others] + [replace(order, seed=1).group(group).tolist()]
    assert all(sorted(other) != sorted(base) for other in drawn)
    assert base != sorted(base)
    shuffles = [np.argsort(order.group(one)).tolist() for one in (group, *others)]
    assert len({tuple(shuffle) for shuffle in shuffles}) == len(shuffles)


def test_the_order_stays_what_it_is(data: Any, order: Any) -> None:
    """A checkpoint of an earlier version goes on with the same text: these figures must not change."""
    assert order.group(data.Group(3, 1, 2))[:6].tolist() == [483, 607, 480, 601, 80, 573]
    assert order.identity == {
        "windows": 1003, "context": 4, "block": 10, "shuffle_blocks": 5, "parts": 2, "sequences": 8, "seed": 0
    }  # fmt: skip


def test_a_group_touches_few_blocks(data: Any, order: Any) -> None:
    """What is read together is whole blocks of neighbours, and a part's border may cut one at either end."""
    blocks = {int(window) // order.block for window in order.group(data.Group(0, 1, 1))}
    assert len(blocks) <= order.shuffle_blocks + 2


@pytest.fixture
def text(load: Callable[[str], Any], tmp_path: Path) -> Any:
    """Of 2,002 bytes in files of 91."""
    for number in range(22):
        (tmp_path / f"{number:02}.txt").write_bytes(bytes((number * 91 + at) % 251 for at in range(91)))
    catalogue = load("lm.catalogue")
    files = tuple(catalogue.File(f"{number:02}.txt", 91, 0, 91) for number in range(22))
    return catalogue.Catalogue(str(tmp_path), files)


def test_windows_are_read_in_the_order_asked_for(data: Any, text: Any) -> None:
    """Each window is its own bytes and the first of the next one, over the borders of files."""
    wanted = np.array([70, 3, 4, 5, 69, 0, 3])
    rows = data.read(text, 20, wanted)
    assert rows.shape == (7, 21)
    assert rows.tolist() == [[(20 * window + at) % 251 for at in range(21)] for window in wanted.tolist()]


def test_neighbours_are_read_in_one_go(data: Any, text: Any) -> None:
    """A run of windows costs one stretch of bytes."""
    asked: list[tuple[int, int]] = []

    def noted(start: int, length: int) -> bytes:
        asked.append((start, length))
        return bytes(length)

    data.read(SimpleNamespace(read=noted), 20, np.array([6, 5, 9, 7]))
    assert sorted(asked) == [(100, 61), (180, 21)]


def test_the_last_byte_is_a_target(data: Any, text: Any) -> None:
    """As many windows as there are whole contexts with a byte after them."""
    assert data.windows_in(text, 2001) == 1
    assert data.windows_in(text, 2002) == 0
    assert data.windows_in(text, 20) == 100


def test_too_little_text_for_a_step(data: Any, text: Any, load: Callable[[str], Any]) -> None:
    """The error has the numbers, and names what to change."""
    made = load("lm.settings")
    wanted = made.Settings(model=made.Model(context=20), batch=made.Batch(sequences=51), data=made.Data(parts=2))
    said = r"2,002 bytes to learn from, 100 sequences of 20, .* 2 parts x 51 sequences: .*batch\.sequences"
    with pytest.raises(ValueError, match=said):
        data.Order.of(text, wanted)
    assert data.Order.of(text, replace(wanted, batch=made.Batch(sequences=50))).steps_per_epoch == 1


def test_held_out_windows_are_spread(data: Any) -> None:
    """Over the whole text, none twice, and as many for each part."""
    chosen = data.evenly(1000, 64, 3)
    assert chosen.shape == (3, 21)
    assert len(set(chosen.flat)) == 63
    assert np.diff(np.sort(chosen, axis=None)).max() <= 16
    assert data.evenly(10, 64, 2).shape == (2, 5)
