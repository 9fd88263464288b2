"""Readers of traces, one file a format. A format is known by its content and its file's ending."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from ...errors import BadArgument
from . import delimited, kueue, ray_jobs, slurm
from .draft import Draft, Loaded, Reading, finish

__all__ = ["FORMATS", "Format", "Loaded", "Reading", "read_trace"]

_HEAD = 65536
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Format:
    """One format: `sniff` knows it by its first bytes and its path, `read` makes a draft of all of them."""

    name: str
    sniff: Callable[[bytes, Path], bool]
    read: Callable[[bytes, str], Draft]


FORMATS = {
    known.name: known
    for known in (
        Format("parquet", delimited.sniff_parquet, delimited.read_parquet),
        Format("slurm", slurm.sniff, slurm.read),
        Format("kueue", kueue.sniff, kueue.read),
        Format("ray", ray_jobs.sniff, ray_jobs.read),
        Format("csv", delimited.sniff_csv, delimited.read_csv),
    )
}
"""By name, in the order in which they are tried."""


def read_trace(path: Path, how: Reading | None = None, format_name: str | None = None) -> Loaded:
    """The trace in a file, which may be gzipped.

    Raises BadArgument for a file that is not there, that is of no known format, or that has no job to play.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadArgument(f"trace {path} cannot be read: {error.strerror}") from None
    digest = hashlib.sha256(data).hexdigest()
    if data.startswith(_GZIP):
        data, path = _unzipped(data, path), path.with_suffix("")
    known = _named(format_name) if format_name else _sniffed(data[:_HEAD], path)
    draft = known.read(data, path.name)
    return finish(draft, how or Reading(), source=path.name, sha256=digest, format_name=known.name)


def _unzipped(data: bytes, path: Path) -> bytes:
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise BadArgument(f"trace {path} cannot be unzipped: {error}") from None


def _named(name: str) -> Format:
    if name not in FORMATS:
        near = get_close_matches(name, FORMATS, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(FORMATS)}"
        raise BadArgument(f"unknown format '{name}'; {hint}")
    return FORMATS[name]


def _sniffed(head: bytes, path: Path) -> Format:
    for known in FORMATS.values():
        if known.sniff(head, path):
            return known
    raise BadArgument(f"{path} is of no format that is known; say which it is by --format: {', '.join(FORMATS)}")
