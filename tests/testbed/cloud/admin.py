"""The instrument's own switches, over a Unix socket: `POST /METHOD` with JSON arguments, answered with JSON."""

from __future__ import annotations

import json
import socketserver
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from .capacity import Capacity
from .ec2 import Ec2
from .faults import Weather
from .machines import Machines, log
from .metadata import Metadata
from .records import LIVE, Records


class Admin:
    """Each public method is a call of the socket."""

    def __init__(
        self, records: Records, ec2: Ec2, machines: Machines, metadata: Metadata, weather: Weather, capacity: Capacity
    ) -> None:
        self._records = records
        self._ec2 = ec2
        self._machines = machines
        self._metadata = metadata
        self._weather = weather
        self._capacity = capacity

    def set_faults(self, **faults: Any) -> None:
        """See faults.Faults."""
        self._weather.set(**faults)

    def clear_faults(self) -> None:
        """No faults."""
        self._weather.clear()
        self._metadata.silent.clear()

    def capacity(self, limits: dict[str, int | None]) -> None:
        """See capacity.Capacity."""
        self._capacity.set(limits)

    def interrupt(self, instance_id: str, in_s: float, *, notice: bool) -> None:
        """Reclaim a spot instance, in some seconds, with or without notice in its metadata."""
        record = self._records.get(instance_id)
        if record.market != "spot" or record.state not in LIVE:
            raise ValueError(
                f"{instance_id} is {record.state} and {record.market}: only living spot ones are reclaimed"
            )
        if notice:
            self._metadata.notices[instance_id] = time.time() + in_s
        if in_s <= 0:
            self._ec2.reclaim(instance_id)
            return
        timer = threading.Timer(in_s, self._ec2.reclaim, [instance_id])
        timer.daemon = True
        timer.start()

    def crash(self, instance_id: str) -> None:
        """Cut its host and say nothing: it is listed as running, and billed."""
        self._records.get(instance_id)
        self._machines.crash(instance_id)

    def silence_metadata(self, instance_ids: list[str]) -> None:
        """These get no more answers from IMDS; "*" is all; an empty list ends it."""
        self._metadata.silent = set(instance_ids)


def server(admin: Admin, path: Path) -> socketserver.ThreadingUnixStreamServer:
    """The server at a socket file."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            arguments = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                method = getattr(admin, self.path.removeprefix("/"))
                status, body = 200, json.dumps(method(**arguments)).encode()
            except Exception as error:
                log(f"admin: {error!r}")
                status, body = 400, f"{type(error).__name__}: {error}".encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def address_string(self) -> str:
            return "admin"

        def log_message(self, *_: Any) -> None:
            pass

    made = socketserver.ThreadingUnixStreamServer(str(path), Handler)
    made.daemon_threads = True
    return made
