"""The data plane's folder: what lies where, for our user alone."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..errors import DataPlaneError

_SOCKET_PATH = 80  # a socket's path may have 107 characters, and HAProxy binds under a longer name first


def write(path: Path, text: str | bytes) -> None:
    """Write a whole file in one moment, mode 0600."""
    data = text.encode() if isinstance(text, str) else text
    if path.exists() and path.read_bytes() == data:
        return
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    Path(name).replace(path)


def appending(path: Path) -> BinaryIO:
    """A file to write at the end of, mode 0600."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab")


@dataclass(frozen=True)
class Files:
    """Where things lie. `sockets` is the folder itself, or one with a shorter path."""

    folder: Path
    sockets: Path

    @property
    def admin(self) -> Path:
        """The admin socket."""
        return self.sockets / "admin.sock"

    @property
    def hold(self) -> Path:
        """Where HAProxy talks to itself."""
        return self.sockets / "hold.sock"

    @property
    def configuration(self) -> Path:
        """What HAProxy is started with."""
        return self.folder / "haproxy.cfg"

    @property
    def pid(self) -> Path:
        """The process that was started last."""
        return self.folder / "haproxy.pid"

    @property
    def requests(self) -> Path:
        """A line for each request that ended."""
        return self.folder / "requests.log"

    @property
    def said(self) -> Path:
        """What HAProxy says of itself and of servers."""
        return self.folder / "haproxy.err"

    @property
    def pem(self) -> Path:
        """Certificate and key in one, as HAProxy takes them."""
        return self.folder / "tls.pem"

    @property
    def lua(self) -> Path:
        """The script that HAProxy loads."""
        return self.folder / "requests.lua"

    def map(self, name: str) -> Path:
        """What one map holds."""
        return self.folder / f"{name}.map"


def prepare(folder: Path) -> Files:
    """Make the folder, and one for its sockets. Raises DataPlaneError if somebody else's lies there."""
    folder.mkdir(parents=True, exist_ok=True)
    folder = folder.resolve()
    folder.chmod(0o700)
    short = len(str(folder)) <= _SOCKET_PATH and not any(c.isspace() or c in "\"'\\#$@" for c in str(folder))
    return Files(folder, folder if short else _elsewhere(folder))


def _elsewhere(folder: Path) -> Path:
    base = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
    if len(str(base)) > _SOCKET_PATH - 32:
        base = Path("/tmp")  # noqa: S108 -- the folder in it is checked below
    sockets = base / f"spillover-{os.getuid()}-{hashlib.sha256(str(folder).encode()).hexdigest()[:12]}"
    sockets.mkdir(mode=0o700, exist_ok=True)
    found = sockets.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise DataPlaneError(f"{sockets} is not a folder of ours alone. Remove it, and start again.")
    return sockets
