"""Text to learn, and text held out, as flat tensors of bytes. Every machine has two: code and a manual."""

from __future__ import annotations

import sysconfig
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from pyarrow.fs import FileSelector
from torch import Tensor

from common.files import place

HELD_OUT = 10  # one document in ten
SEED_STRIDE = 1_000_003  # a prime above any plausible steps x parts: seeds do not share windows


@dataclass(frozen=True)
class Text:
    """All documents in the order of their names, one after the other."""

    train: Tensor
    held_out: Tensor

    @classmethod
    def of(cls, source: str, suffixes: tuple[str, ...] = ()) -> Text:
        """Which documents are held out follows from their names alone."""
        train, held_out = bytearray(), bytearray()
        for name, content in documents(source, suffixes):
            (held_out if zlib.crc32(name.encode()) % HELD_OUT == 0 else train).extend(content)
        if not train or not held_out:
            raise ValueError(
                f"{source}: {len(train):,} bytes to learn and {len(held_out):,} held out; about one document in "
                f"{HELD_OUT}, by its name, is held out: give a folder with more files"
            )
        return cls(torch.frombuffer(train, dtype=torch.uint8), torch.frombuffer(held_out, dtype=torch.uint8))


def documents(source: str, suffixes: tuple[str, ...]) -> Iterable[tuple[str, bytes]]:
    if source == "manual":
        from pydoc_data.topics import topics  # 0.5 MB of English prose, in every Python

        return [(name, text.encode()) for name, text in sorted(topics.items())]
    if source == "python":  # the top-level modules only
        return [(p.name, p.read_bytes()) for p in sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))]
    files, folder = place(source)
    found = files.get_file_info(FileSelector(folder, recursive=True))
    paths = sorted(f.path for f in found if f.is_file and (not suffixes or f.path.endswith(suffixes)))
    return ((path.removeprefix(folder), files.open_input_stream(path).readall()) for path in paths)


def windows(text: Tensor, *, sequences: int, context: int, seed: int) -> tuple[Tensor, Tensor]:
    """Windows at random places, and the same windows one byte later as the targets: (sequences, context) each."""
    places = len(text) - context
    if places < 1:
        raise ValueError(f"the text has {len(text)} bytes, too few for a context of {context}")
    starts = torch.randint(places, (sequences, 1), generator=torch.Generator().manual_seed(seed))
    bytes_ = text[starts + torch.arange(context + 1)].long()
    return bytes_[:, :-1], bytes_[:, 1:]


def seed_of(seed: int, step: int, part: int, parts: int) -> int:
    """No two (step, part) share their windows, and a resumed run needs nothing but its step to go on."""
    return seed * SEED_STRIDE + step * parts + part
