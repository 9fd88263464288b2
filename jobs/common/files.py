"""Folders and object stores alike: an address becomes a file system of pyarrow and a path in it."""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path

from pyarrow.fs import FileSystem, LocalFileSystem

SECRETS = re.compile(r"(?<=://)[^/@]*@")  # s3://key:secret@bucket


def place(address: str) -> tuple[FileSystem, str]:
    """Of a folder, or an address such as `s3://bucket/path?region=eu-west-1`. Raises ValueError.

    It asks nothing of the network, unless an s3:// names neither `region` nor `endpoint_override`: then pyarrow
    asks AWS where the bucket is.
    """
    if not address:
        raise ValueError("the address of a folder is empty: name a path, or one such as s3://bucket/path")
    if "://" not in address:
        return LocalFileSystem(), str(Path(address).expanduser().resolve())
    try:
        files, path = FileSystem.from_uri(address)
    except (ValueError, NotImplementedError) as error:
        raise ValueError(
            f"'{SECRETS.sub('', address)}' is not an address of files: {SECRETS.sub('', str(error))}; it reads like "
            "/path, s3://bucket/path or s3://bucket/path?endpoint_override=http%3A%2F%2Fhost%3A9000&region=us-east-1"
        ) from None
    if not path:
        raise ValueError(f"'{SECRETS.sub('', address)}' names no bucket: it reads like s3://bucket/path")
    return files, path


def below(address: str, name: str) -> str:
    """The address of a folder in a folder; an address may end in options."""
    path, mark, options = address.partition("?")
    return f"{path.rstrip('/')}/{name}{mark}{options}"


def read_bytes(files: FileSystem, path: str) -> bytes:
    with files.open_input_stream(path) as file:
        data: bytes = file.read()
    return data


def write_bytes(files: FileSystem, path: str, data: bytes) -> None:
    """All of it or nothing: an object store does so by itself, a folder gets a finished file under its name."""
    if isinstance(files, LocalFileSystem):
        _write_local(Path(path), data)
        return
    with files.open_output_stream(path) as file:
        file.write(data)


def _write_local(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part-{os.getpid()}-{threading.get_ident()}")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())  # else the name may outlive a power cut, and the content not
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
