"""What a rank reads ahead, by Ray Data. No torch here: the tasks that read import this file.

A rank reads in chapters: small datasets of some groups each, one task a group. A chapter is read while the one before
is learnt. One endless dataset would need less code, but its executor spins while nobody takes what it has read, and
that would cost a rank on CPUs a whole core.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import lru_cache, partial
from itertools import islice
from typing import Any

import numpy as np
import ray
import ray.data
from numpy.typing import NDArray
from ray import ObjectRef
from ray.data import DataContext, Dataset, TaskPoolStrategy

from lm.data import Catalogue, Group, Order, read

READERS = 2  # tasks of one rank at a time: each is a process of some 200 MB
CHAPTER_GROUPS = 16  # at most; what starting a dataset costs is shared by so many
CHAPTER_BYTES = 1 << 24  # at most, unless one group a part is more; a rank holds two chapters
NODE_LABEL = "ray.io/node-id"  # every node has it

Windows = NDArray[np.uint8]
Row = list[Windows]  # one group of each part


def rows_ahead(text: Catalogue, order: Order, parts: list[int], start_step: int) -> Iterator[Row]:
    """The groups of these parts from a step on, without end. Raises ValueError if a file has changed."""
    be_quiet()
    shared = ray.put((text, order))  # once, not with every chapter: a catalogue may list many files
    groups, most = order.groups_from(start_step, parts), rows_a_chapter(order, len(parts))
    rows = 1  # so that the first chapter is soon there
    with ThreadPoolExecutor(1, thread_name_prefix="chapters") as pool:
        under_way = pool.submit(read_chapter, shared, order, list(islice(groups, rows)))
        while True:
            chapter, rows = under_way.result(), min(2 * rows, most)
            under_way = pool.submit(read_chapter, shared, order, list(islice(groups, rows)))
            yield from chapter


def rows_a_chapter(order: Order, parts: int) -> int:
    row_bytes = parts * order.group_windows * (order.context + 1)
    return max(1, min(CHAPTER_BYTES // row_bytes, CHAPTER_GROUPS // parts))


def read_chapter(shared: ObjectRef, order: Order, rows: list[list[Group]]) -> list[Row]:
    """All of it, as copies: what stayed in Ray's object store would fill it."""
    groups = [group for row in rows for group in row]
    try:
        batches = [batch["windows"] for batch in dataset(shared, groups).iter_batches(batch_size=None)]
    except ray.exceptions.RayTaskError as error:
        if not isinstance(error.cause, ValueError):
            raise
        raise ValueError(str(error.cause).splitlines()[0]) from None  # Ray Data adds hints of its own below
    ends = np.cumsum([order.group_length(group) for group in groups])
    each = iter(np.split(np.concatenate(batches), ends[:-1]))  # Ray Data may have cut large groups elsewhere
    return [[next(each) for _ in row] for row in rows]


def dataset(shared: ObjectRef, groups: list[Group]) -> Dataset:
    """The windows of these groups in their order.

    Its tasks run on the node of the rank that asks, and hold no CPU: the ranks may have all that there are.
    """
    return ray.data.from_items([asdict(group) for group in groups], override_num_blocks=len(groups)).map_batches(
        partial(read_group, shared),
        batch_size=None,
        num_cpus=0,
        label_selector={NODE_LABEL: ray.get_runtime_context().get_node_id()},
        compute=TaskPoolStrategy(size=min(READERS, len(groups))),
    )


def read_group(shared: ObjectRef, items: dict[str, NDArray[Any]]) -> dict[str, Windows]:
    """What a task does: the windows of one group."""
    text, order = _shared(shared)
    group = Group(**{name: int(value) for name, (value,) in items.items()})
    return {"windows": read(text, order.context, order.group(group))}


@lru_cache(maxsize=1)
def _shared(shared: ObjectRef) -> tuple[Catalogue, Order]:
    return ray.get(shared)  # type: ignore[no-any-return]


def be_quiet() -> None:
    """A job prints lines of its own: Ray Data shows no bars and tells no plans, and what goes wrong is raised."""
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # it would print a traceback besides raising it
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.raise_original_map_exception = True  # else all that arrives is that something failed
    context.execution_options.preserve_order = True
