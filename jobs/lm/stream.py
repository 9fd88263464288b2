"""Batches of text for one rank: for each step what its parts give, as tensors."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lm.data import Catalogue, Order, evenly, read, windows_in
from lm.settings import Settings

Parts = tuple[Tensor, Tensor]  # of one part: tokens and targets, (sequences, context) int64
Row = list[NDArray[np.uint8]]  # one group of each part


def batches(text: Catalogue, order: Order, parts: list[int], start_step: int) -> Iterator[list[Parts]]:
    """Step after step from `start_step` on, without end; Ray Data reads in the background."""
    from lm.chapters import rows_ahead  # Ray Data comes with it, which a single process does not need

    return steps(rows_ahead(text, order, parts, start_step), order.sequences)


def local_batches(text: Catalogue, order: Order, parts: list[int], start_step: int) -> Iterator[list[Parts]]:
    """The same batches, read in this process when they are asked for."""
    rows = order.groups_from(start_step, parts)
    return steps(([read(text, order.context, order.group(group)) for group in row] for row in rows), order.sequences)


def steps(rows: Iterator[Row], sequences: int) -> Iterator[list[Parts]]:
    """Groups cut into steps. A step may need the end of one group and the begin of the next."""
    held = next(rows)
    while True:
        whole = len(held[0]) // sequences * sequences
        for at in range(0, whole, sequences):
            yield [as_tensors(windows[at : at + sequences]) for windows in held]
        held = [np.concatenate([rest[whole:], new]) for rest, new in zip(held, next(rows), strict=True)]


def as_tensors(windows: NDArray[np.uint8]) -> Parts:
    """Every byte but a window's last is a token, and the byte after it the target."""
    text = torch.from_numpy(windows.astype(np.int64))
    return text[:, :-1].contiguous(), text[:, 1:].contiguous()


def validation(text: Catalogue, settings: Settings, parts: list[int]) -> list[Parts]:
    """The held-out sequences of these parts: always the same, spread over the text, as many for each part.

    All parts together have `data.validation_sequences`, rounded down to a multiple of the parts, or what there is.
    Raises ValueError if that is less than one a part.
    """
    context, wanted = settings.model.context, settings.data.validation_sequences
    windows = windows_in(text, context)
    if min(windows, wanted) < settings.parts:
        raise ValueError(
            f"data.source={text.source} has {text.size_bytes:,} held-out bytes, {windows:,} sequences of {context:,}, "
            f"and data.validation_sequences={wanted}: each of {settings.parts} parts needs one, so take more text, "
            "more data.validation_sequences or fewer data.parts"
        )
    chosen = evenly(windows, wanted, settings.parts)
    return [as_tensors(read(text, context, chosen[part])) for part in parts]
