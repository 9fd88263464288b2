"""The log of requests: HAProxy appends a line for each that ended, and it is read on from a mark.

The file's first line is a name made at random, which marks carry: a mark into another file is none. What was read is
given back to the file system as a hole, so that offsets stay and nobody has to reopen anything.
"""

from __future__ import annotations

import ctypes
import errno
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from ..domain.serving import Served
from .files import appending
from .names import from_field, pool_of

FIRST = "S1"  # how a line of ours begins
AT_ONCE = 2000
_READ_BYTES = AT_ONCE * 512
_BLOCK = 4096
_FREE_BYTES = 1 << 20  # worth a system call
_FIELDS = 20
_KEEP_SIZE_PUNCH_HOLE = 0x01 | 0x02


def begin(path: Path) -> None:
    """Make the file if there is none; end the last line if a full disk cut it off."""
    with appending(path) as file:
        if file.tell() == 0:
            file.write(f"# {secrets.token_hex(8)}\n".encode())
        elif not _ends_with_line(path):
            file.write(b"\n")


def _ends_with_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def read(path: Path, mark: str) -> tuple[list[Served], str]:
    """Up to AT_ONCE requests since the mark, and the next mark. A line that is not whole yet is left for later."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return [], mark
    with file:
        name = file.readline().removeprefix(b"# ").strip().decode(errors="replace")
        offset = _offset(mark, name, file.tell())
        offset = _data_from(file.fileno(), offset)
        lines = _lines(os.pread(file.fileno(), _READ_BYTES, offset))
        offset += sum(len(line) for line in lines)
    served = [record for line in lines if (record := parse(line.decode(errors="replace").strip("\0\n"))) is not None]
    return served, f"{name}:{offset}"


def _offset(mark: str, name: str, first: int) -> int:
    of, _, offset = mark.rpartition(":")
    return max(first, int(offset)) if of == name and offset.isdecimal() else first


def _data_from(number: int, offset: int) -> int:
    """The same place, or the end of the hole that it lies in. The line there may be the end of one that was read."""
    try:
        return os.lseek(number, offset, os.SEEK_DATA)
    except OSError as error:
        if error.errno == errno.ENXIO:  # nothing but a hole, or the end of the file
            return offset
        raise


def _lines(data: bytes) -> Sequence[bytes]:
    return [line + b"\n" for line in data.split(b"\n")[:-1][:AT_ONCE]]


def free(path: Path, mark: str, freed: int) -> int:
    """Give back what lies before the mark, if it is enough; returns up to where the file is free.

    A file system that knows no holes keeps the file as it is.
    """
    offset = int(mark.rpartition(":")[2] or 0)
    end = offset // _BLOCK * _BLOCK
    begin_at = max(freed, _BLOCK)  # the first block holds the file's name
    if end - begin_at < _FREE_BYTES:
        return freed
    with path.open("r+b") as file:
        libc = ctypes.CDLL(None, use_errno=True)
        fallocate = getattr(libc, "fallocate64", libc.fallocate)
        fallocate(file.fileno(), _KEEP_SIZE_PUNCH_HOLE, ctypes.c_int64(begin_at), ctypes.c_int64(end - begin_at))
    return end


def parse(line: str) -> Served | None:
    """The request that a line tells of; None for what is none, or belongs to no key."""
    fields = line.split("|")
    if len(fields) != _FIELDS or fields[0] != FIRST or fields[3] == "-":
        return None
    try:
        return _served(fields)
    except ValueError:
        return None


def _served(fields: Sequence[str]) -> Served:
    _, at, app, key, tenant, answered, server, status, *times, held, read_tokens, written_tokens = fields[:16]
    head, queue, connect, answer, total = (int(t) for t in times)
    begun_ms = int(at) - max(0, head)
    before = sum(max(0, t) for t in (head, queue, connect))
    return Served(
        at=begun_ms / 1000,
        application=from_field(app),
        key_id=from_field(key),
        tenant=from_field(tenant),
        pool=pool_of(answered) or pool_of(server),
        status=int(status),
        wait_s=None if queue < 0 else (queue + _number(held)) / 1000,
        first_s=None if answer < 0 else (before + answer) / 1000,
        total_s=max(0, total) / 1000,
        bytes_in=int(fields[16]),
        bytes_out=int(fields[17]),
        tokens_in=_number(read_tokens),
        tokens_out=_number(written_tokens),
        retries=int(fields[18]),
        ended=fields[19],
    )


def _number(text: str) -> int:
    return 0 if text == "-" else int(text)
