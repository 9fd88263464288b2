"""torch.distributed.checkpoint on pyarrow's file systems: folders and S3 alike, with checksums taken on the way."""

from __future__ import annotations

import io
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pyarrow.fs import FileSystem, FileType, LocalFileSystem
from torch.distributed.checkpoint import FileSystemReader, FileSystemWriter
from torch.distributed.checkpoint.filesystem import FileSystemBase

READ_BYTES = 8 << 20
FLUSH_BYTES = 16 << 20


@dataclass(frozen=True)
class FileSum:
    """What a file must be."""

    size_bytes: int
    crc32: int


class Hashing:
    """A stream that is written from its beginning to its end, and knows the sum of what went through it.

    With the handle of a local file, the disk is set to work along the way, not only when all has been handed over.
    """

    def __init__(self, inner: Any, handle: int | None = None) -> None:
        self._inner, self._handle = inner, handle
        self.size_bytes = self.crc32 = self._flushed_bytes = 0

    def write(self, data: bytes | bytearray | memoryview) -> int:
        view = memoryview(data).cast("B")
        self._inner.write(view)
        self.crc32 = zlib.crc32(view, self.crc32)  # lets go of the interpreter, as the write does
        self.size_bytes += view.nbytes
        if self._handle is not None and self.size_bytes - self._flushed_bytes >= FLUSH_BYTES:
            self._flush_behind(self._handle)
        return view.nbytes

    def _flush_behind(self, handle: int) -> None:
        if hasattr(os, "posix_fadvise"):  # not on macOS. Linux begins to write what is "not needed", and does not wait
            length = self.size_bytes - self._flushed_bytes
            os.posix_fadvise(handle, self._flushed_bytes, length, os.POSIX_FADV_DONTNEED)
        self._flushed_bytes = self.size_bytes

    def tell(self) -> int:
        return self.size_bytes

    def flush(self) -> None:
        """Nothing: the whole file is brought to the disk once, at its end."""

    def close(self) -> None:
        """Nothing: whoever opened it closes it."""


class ArrowFiles(FileSystemBase):
    """What torch's writer and reader ask of a file system. `sums` has every file that was written through it."""

    def __init__(self, files: FileSystem) -> None:
        self.files = files
        self.sums: dict[str, FileSum] = {}

    @contextmanager
    def create_stream(self, path: str | os.PathLike[str], mode: str) -> Iterator[Any]:
        if mode == "rb":
            with self.files.open_input_file(str(path)) as stream:
                yield stream
            return
        with self.files.open_output_stream(str(path)) as inner, _handle(self.files, str(path)) as handle:
            stream = Hashing(inner, handle)
            yield stream
        to_disk(self.files, str(path))
        self.sums[str(path)] = FileSum(stream.size_bytes, stream.crc32)

    def concat_path(self, path: str | os.PathLike[str], suffix: str) -> str:
        return f"{path}/{suffix}"

    def init_path(self, path: str | os.PathLike[str]) -> str:
        return str(path)

    def rename(self, path: str | os.PathLike[str], new_path: str | os.PathLike[str]) -> None:
        self.files.move(str(path), str(new_path))
        self.sums[str(new_path)] = self.sums.pop(str(path))

    def mkdir(self, path: str | os.PathLike[str]) -> None:
        if is_local(self.files):  # S3 has no folders
            self.files.create_dir(str(path))

    @classmethod
    def validate_checkpoint_id(cls, checkpoint_id: str | os.PathLike[str]) -> bool:
        return bool(str(checkpoint_id))

    def exists(self, path: str | os.PathLike[str]) -> bool:
        return bool(self.files.get_file_info(str(path)).type != FileType.NotFound)

    def rm_file(self, path: str | os.PathLike[str]) -> None:
        self.files.delete_file(str(path))


class ArrowWriter(FileSystemWriter):
    """One file a rank."""

    def __init__(self, files: FileSystem, folder: str) -> None:
        super().__init__(folder, sync_files=False)  # ArrowFiles does it where there is a disk
        self.fs: ArrowFiles = ArrowFiles(files)
        self.path = folder


class ArrowReader(FileSystemReader):
    """Reads what a rank needs, however many ranks wrote it."""

    def __init__(self, files: FileSystem, folder: str) -> None:
        super().__init__(folder)
        self.fs = ArrowFiles(files)
        self.path = folder

    def _slice_file(self, file: Any, sinfo: Any) -> io.BytesIO:
        """One request for each tensor: torch.load would make half a dozen, and S3 takes its time for every one."""
        file.seek(sinfo.offset)
        return io.BytesIO(file.read(sinfo.length))


def is_local(files: FileSystem) -> bool:
    return isinstance(files, LocalFileSystem)


def to_disk(files: FileSystem, path: str) -> None:
    """Wait until a file's bytes, or a folder's names, would outlive a loss of power."""
    with _handle(files, path) as handle:
        if handle is not None:  # what S3 has answered for is kept
            os.fsync(handle)


@contextmanager
def _handle(files: FileSystem, path: str) -> Iterator[int | None]:
    """The operating system's own of a local file or folder, else None."""
    handle = os.open(path, os.O_RDONLY) if is_local(files) else None
    try:
        yield handle
    finally:
        if handle is not None:
            os.close(handle)


def sum_of(files: FileSystem, path: str) -> FileSum:
    """Of a file as it is now. Raises FileNotFoundError, or OSError where it cannot be read."""
    size_bytes = crc32 = 0
    with files.open_input_stream(path) as stream:
        while block := stream.read(READ_BYTES):
            size_bytes += len(block)
            crc32 = zlib.crc32(block, crc32)
    return FileSum(size_bytes, crc32)
