"""The order in which a text is learnt: a pure function of the settings, whoever reads it and wherever it is resumed.

The text is cut into windows of `context` bytes and the one after them. An epoch takes the blocks of windows in a new
order, cuts that sequence into as many equal runs as a batch has parts, and shuffles within groups of blocks.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import count

import numpy as np
from numpy.typing import NDArray

from lm.catalogue import Catalogue
from lm.settings import Settings

__all__ = ["Catalogue", "Group", "Order", "evenly", "read"]

READS_AT_ONCE = 8  # an object store answers many requests as fast as one
BLOCKS, WINDOWS = 0, 1  # what a random generator is for: two uses of one seed must not be alike


@dataclass(frozen=True)
class Group:
    """Windows of one part that are read together, less the first `skip`, which are learnt already."""

    epoch: int
    part: int
    number: int
    skip: int = 0


@dataclass(frozen=True)
class Order:
    windows: int  # in the text
    context: int  # bytes from one window's begin to the next one's
    block: int  # windows that are neighbours in the text and stay together
    shuffle_blocks: int  # blocks a group
    parts: int  # of a batch
    sequences: int  # windows that a part gives to a step
    seed: int

    @classmethod
    def of(cls, text: Catalogue, settings: Settings) -> Order:
        """Raises ValueError if the text is too short for one step."""
        context, parts, sequences = settings.model.context, settings.parts, settings.batch.sequences
        windows = windows_in(text, context)
        if windows < parts * sequences:
            raise ValueError(
                f"data.source={text.source} has {text.size_bytes:,} bytes to learn from, {windows:,} sequences of "
                f"{context:,}, and one step takes {parts} parts x {sequences} sequences: take more text, or lower "
                "batch.sequences, data.parts or model.context"
            )
        block = max(1, settings.data.block_bytes // context)
        return cls(windows, context, block, settings.data.shuffle_blocks, parts, sequences, settings.seed)

    @property
    def identity(self) -> dict[str, int]:
        """Equal for two orders that are equal window by window."""
        return asdict(self)

    @property
    def steps_per_epoch(self) -> int:
        """What is left over is fewer windows than a step takes; it is another rest in every epoch."""
        return self.windows // (self.parts * self.sequences)

    @property
    def part_windows(self) -> int:
        """Of one part in one epoch."""
        return self.steps_per_epoch * self.sequences

    @property
    def group_windows(self) -> int:
        return self.block * self.shuffle_blocks

    def group(self, group: Group) -> NDArray[np.int64]:
        """Its windows in the order in which they are learnt."""
        first = group.number * self.group_windows
        last = min(first + self.group_windows, self.part_windows)
        windows = self._at(group.epoch, group.part * self.part_windows + np.arange(first, last))
        generator = np.random.default_rng([self.seed, group.epoch, WINDOWS, group.part, group.number])
        return generator.permutation(windows)[group.skip :]

    def group_length(self, group: Group) -> int:
        return min(self.group_windows, self.part_windows - group.number * self.group_windows) - group.skip

    def _at(self, epoch: int, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """The windows at these places of an epoch. The text's last block is the only one that may be short."""
        blocks = -(-self.windows // self.block)
        shuffled, short = _shuffled(blocks, self.seed, epoch)
        missing = blocks * self.block - self.windows
        places = np.where(places < (short + 1) * self.block - missing, places, places + missing)
        return shuffled[places // self.block] * self.block + places % self.block

    def groups_from(self, step: int, parts: list[int]) -> Iterator[list[Group]]:
        """Without end: the next group of each of these parts, epoch after epoch."""
        epoch, step_in_epoch = divmod(step, self.steps_per_epoch)
        number, skip = divmod(step_in_epoch * self.sequences, self.group_windows)
        groups = -(-self.part_windows // self.group_windows)
        for at in count(epoch * groups + number):
            yield [Group(at // groups, part, at % groups, skip) for part in parts]
            skip = 0


@lru_cache(maxsize=2)
def _shuffled(blocks: int, seed: int, epoch: int) -> tuple[NDArray[np.int64], int]:
    """The blocks in this epoch's order, and where among them the text's last block is."""
    shuffled = np.random.default_rng([seed, epoch, BLOCKS]).permutation(blocks)
    return shuffled, int(np.flatnonzero(shuffled == blocks - 1)[0])


def windows_in(text: Catalogue, context: int) -> int:
    return max(0, (text.size_bytes - 1) // context)


def read(text: Catalogue, context: int, windows: NDArray[np.int64]) -> NDArray[np.uint8]:
    """The bytes of these windows, (windows, context + 1). Neighbours are read in one go."""
    ordered = np.unique(windows)
    runs = np.split(ordered, np.flatnonzero(np.diff(ordered) != 1) + 1)
    with ThreadPoolExecutor(READS_AT_ONCE) as pool:
        texts = pool.map(lambda run: text.read(int(run[0]) * context, len(run) * context + 1), runs)
        rows = np.concatenate([_rows(piece, context) for piece in texts])
    return rows[np.searchsorted(ordered, windows)]


def _rows(text: bytes, context: int) -> NDArray[np.uint8]:
    bytes_ = np.frombuffer(text, np.uint8)
    return np.lib.stride_tricks.sliding_window_view(bytes_, context + 1)[::context]


def evenly(windows: int, wanted: int, parts: int) -> NDArray[np.int64]:
    """Windows spread over the text, (parts, windows a part): at most `wanted` in all, as many for each part."""
    each = min(wanted, windows) // parts
    return (np.arange(each * parts) * windows // max(1, each * parts)).reshape(each, parts).T
