"""HAProxy's admin socket: one command, one answer."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable, Iterator, Mapping

from ..errors import DataPlaneError

_TIMEOUT_S = 5.0
_PIECE_BYTES = 24 * 1024  # of a map in one command: a command and its payload must fit a buffer
_COMPLAINT = re.compile(r"^\[[0-4]\]: (.*)", re.MULTILINE)


class NoAnswer(DataPlaneError):
    """Nobody listens at the admin socket, or no answer came in time."""


class Admin:
    """Talks to whoever listens at the socket."""

    def __init__(self, path: str) -> None:
        self.path = path

    def ask(self, command: str) -> str:
        """The answer. Raises NoAnswer."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(_TIMEOUT_S)
                connection.connect(self.path)
                connection.sendall(command.encode() + b"\n")
                return b"".join(_received(connection)).decode(errors="replace")
        except OSError as error:
            raise NoAnswer(f"HAProxy does not answer at {self.path}: {error}") from error

    def tell(self, command: str) -> None:
        """Have something done. Raises DataPlaneError with HAProxy's own words if it is not."""
        answer = self.ask(f"set severity-output number;{command}")
        if complaint := _COMPLAINT.search(answer):
            raise DataPlaneError(f"HAProxy refused '{command.splitlines()[0]}': {complaint.group(1)}")

    def replace_map(self, name: str, entries: Mapping[str, str]) -> None:
        """Put a whole map in place of the one there, in one moment."""
        answer = self.ask(f"prepare map {name}")
        version = re.search(r"New version created: (\d+)", answer)
        if version is None:
            raise DataPlaneError(f"HAProxy refused a new version of {name}: {answer.strip()}")
        for piece in pieces(entries.items()):
            self.tell(f"add map @{version.group(1)} {name} <<\n{piece}")
        self.tell(f"commit map @{version.group(1)} {name}")

    def info(self) -> Mapping[str, str]:
        """`show info`, by name. Raises NoAnswer."""
        lines = (line.partition(": ") for line in self.ask("show info").splitlines())
        return {name: value for name, _, value in lines}


def _received(connection: socket.socket) -> Iterator[bytes]:
    while data := connection.recv(1 << 16):
        yield data


def pieces(entries: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Lines of a map, in pieces that each fit a command."""
    lines: list[str] = []
    size = 0
    for key, value in entries:
        line = f"{key} {value}\n"
        if lines and size + len(line) > _PIECE_BYTES:
            yield "".join(lines)
            lines, size = [], 0
        lines.append(line)
        size += len(line)
    if lines:
        yield "".join(lines)
