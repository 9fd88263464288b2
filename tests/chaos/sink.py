"""Listens to jobs. What it hears never passes through Spillover."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .records import Beat


class Sink:
    """All lines that have been heard, also in a file for later questions."""

    def __init__(self, file: Path) -> None:
        self._file = file.open("a", buffering=1)
        self._lock = threading.Lock()
        self._beats: list[Beat] = []
        self._steps: dict[str, int] = {}

    def hear(self, line: str) -> int:
        """Keep a line. Returns how far the job's runs had come before it. Raises ValueError, TypeError if it is none."""
        beat = Beat(**json.loads(line))
        with self._lock:
            before = self._steps.get(beat.job, 0)
            self._steps[beat.job] = max(before, beat.step)
            self._beats.append(beat)
            self._file.write(line)
        return before

    def beats(self) -> list[Beat]:
        """What has been heard until now."""
        with self._lock:
            return list(self._beats)

    def close(self) -> None:
        self._file.close()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], sink: Sink) -> None:
        self.sink = sink
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A host that is cut while it speaks is no error here."""


class _Handler(socketserver.StreamRequestHandler):
    timeout = 10

    def handle(self) -> None:
        line = self.rfile.readline().decode()
        if line.endswith("\n"):  # else its sender was cut in the middle of it
            assert isinstance(self.server, _Server)
            before = self.server.sink.hear(line)
            self.wfile.write(json.dumps({"step": before}).encode() + b"\n")


@contextmanager
def listening(host: str, file: Path) -> Iterator[tuple[Sink, int]]:
    """A sink, and the port on which it listens in the network of the thread that opens it."""
    sink = Sink(file)
    with _Server((host, 0), sink) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        thread.start()
        try:
            yield sink, int(server.server_address[1])
        finally:
            server.shutdown()
            thread.join(10)
            sink.close()
