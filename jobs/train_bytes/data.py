"""Text that is on every node already: the source of Python's own standard library, as bytes.

A job that needs no download starts at once, on any cluster, and two runs see the same data as long
as they run the same Python.
"""

from __future__ import annotations

import sysconfig
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

VALIDATION_SHARE = 10  # one file in ten
SEED_STRIDE = 1_000_003  # a prime above any plausible steps x ranks: seeds do not share batches

Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Split:
    """All training text, all validation text: two flat tensors of bytes."""

    train: Tensor
    validation: Tensor


def stdlib_files() -> list[Path]:
    """The top-level modules only: 4 MB, and no site-packages, which differ from node to node."""
    return sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))


def is_validation(name: str) -> bool:
    """Decided by the file's name alone, so a file added or removed moves no other file."""
    return zlib.crc32(name.encode()) % VALIDATION_SHARE == 0


def load_split(files: Iterable[Path] | None = None) -> Split:
    train, validation = bytearray(), bytearray()
    for path in stdlib_files() if files is None else files:
        (validation if is_validation(path.name) else train).extend(path.read_bytes())
    if not train or not validation:
        raise ValueError(
            f"no text to learn from: {len(train)} bytes of training text and {len(validation)} of "
            f"validation text under {sysconfig.get_paths()['stdlib']}"
        )
    return Split(torch.frombuffer(train, dtype=torch.uint8), torch.frombuffer(validation, dtype=torch.uint8))


def sample(text: Tensor, *, batch: int, context: int, seed: int) -> Batch:
    """`batch` windows at random places, and the same windows one byte later as the targets."""
    places = len(text) - context
    if places < 1:
        raise ValueError(f"the text has {len(text)} bytes, too few for a context of {context}")
    generator = torch.Generator().manual_seed(seed)
    starts = torch.randint(places, (batch, 1), generator=generator)
    windows = text[starts + torch.arange(context + 1)].long()
    return windows[:, :-1], windows[:, 1:]


def batch_seed(seed: int, step: int, part: int, parts: int) -> int:
    """No two (step, part) share their text."""
    return seed * SEED_STRIDE + step * parts + part
