"""Which files a run learns from, as one long text of bytes: listed once, read piece by piece."""

from __future__ import annotations

import platform
import sysconfig
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pyarrow.fs import FileInfo, FileSelector, FileSystem, FileType, LocalFileSystem

from common.files import place
from lm.settings import Data

PYTHON = "python"
VALIDATION_SHARE = 10  # one file in ten

Which = Literal["train", "validation"]


@dataclass(frozen=True)
class File:
    """What a run takes of a file: `length` bytes from `start` on. `size` is the whole file's."""

    name: str
    size: int
    start: int
    length: int


@dataclass(frozen=True)
class Catalogue:
    """The files of a source in the order of their names, end to end. No content is read to make it."""

    source: str
    files: tuple[File, ...]

    @classmethod
    def of(cls, data: Data, which: Which) -> Catalogue:
        """Training or held-out text. Raises ValueError where there is none."""
        listed = sorted(_listed(data), key=lambda file: file.name)
        if not listed:
            ends = f" that end in {' or '.join(data.suffixes)}" if data.suffixes else ""
            remedy = "name other data.suffixes or another data.source" if data.suffixes else "name another folder"
            raise ValueError(f"data.source={data.source} has no files{ends} with anything in them: {remedy}")
        return cls(data.source, tuple(_split(listed, which)))

    @property
    def size_bytes(self) -> int:
        return int(self._ends[-1])

    @cached_property
    def _ends(self) -> NDArray[np.int64]:
        return np.fromiter(accumulate(file.length for file in self.files), np.int64, len(self.files))

    def read(self, start: int, length: int) -> bytes:
        """Bytes of the text, by range requests to the files that they are in.

        Raises ValueError if a file has not the size that it had when it was listed.
        """
        files, root = opened(self.source)
        return b"".join(_read(files, root, *piece) for piece in self._pieces(start, length))

    def _pieces(self, start: int, length: int) -> Iterator[tuple[File, int, int]]:
        """File, first byte in it, number of bytes."""
        at, end = start, start + length
        index = int(np.searchsorted(self._ends, start, side="right"))
        while at < end:
            file, file_end = self.files[index], int(self._ends[index])
            count = min(end, file_end) - at
            yield file, file.start + at - (file_end - file.length), count
            at, index = at + count, index + 1


@lru_cache(maxsize=8)
def opened(source: str) -> tuple[FileSystem, str]:
    """The file system of a source and the folder in it. `python` is another folder on every node."""
    if source == PYTHON:
        return LocalFileSystem(), sysconfig.get_paths()["stdlib"]
    files, root = place(source)
    return files, root.rstrip("/")


def is_validation(name: str) -> bool:
    """Decided by the file's name alone, so a file added or removed moves no other file."""
    return zlib.crc32(name.encode()) % VALIDATION_SHARE == 0


def _listed(data: Data) -> Iterator[File]:
    """Hidden files and empty ones left out. Of Python's own source, the top-level modules: 4 MB on every node."""
    files, root = opened(data.source)
    is_python = data.source == PYTHON
    suffixes = (".py",) if is_python else tuple(data.suffixes)
    for info in _infos(data.source, files, root, recursive=not is_python):
        name = info.path[len(root) :].lstrip("/")
        hidden = any(word.startswith(".") for word in name.split("/"))
        if info.type == FileType.File and info.size and not hidden and name.endswith(suffixes or ""):
            yield File(name, info.size, 0, info.size)


def _infos(source: str, files: FileSystem, root: str, *, recursive: bool) -> list[FileInfo]:
    try:
        return files.get_file_info(FileSelector(root, recursive=recursive))  # type: ignore[no-any-return]
    except (FileNotFoundError, NotADirectoryError):
        raise ValueError(f"data.source={source} is no folder on this node: name one that every node sees") from None


def _split(listed: list[File], which: Which) -> list[File]:
    """By name; where that leaves one side without a file, the last tenth of every file is held out."""
    held_out = {file for file in listed if is_validation(file.name)}
    if 0 < len(held_out) < len(listed):
        return [file for file in listed if (file in held_out) == (which == "validation")]
    cut = [(file, file.size - file.size // VALIDATION_SHARE) for file in listed]
    if which == "train":
        return [File(file.name, file.size, 0, at) for file, at in cut]
    parts = [File(file.name, file.size, at, file.size - at) for file, at in cut if at < file.size]
    if not parts:
        raise ValueError(f"the {len(listed)} files have under {VALIDATION_SHARE} bytes each, too few to hold any out")
    return parts


def _read(files: FileSystem, root: str, file: File, start: int, count: int) -> bytes:
    path = f"{root}/{file.name}"
    try:
        with files.open_input_file(path) as source:
            size = source.size()
            if size == file.size:
                return source.read_at(count, start)  # type: ignore[no-any-return]
    except FileNotFoundError:
        size = "no"
    raise ValueError(
        f"{path} has {size} bytes on node {platform.node()} (Python {platform.python_version()}), and had {file.size} "
        "where the run was begun: let all nodes see the same files, or for data.source=python run the same Python"
    )
