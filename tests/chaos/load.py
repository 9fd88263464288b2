"""Sends jobs as a careful client does: the same id again until there is an answer."""

from __future__ import annotations

import hashlib
import io
import sys
import threading
import time
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from server import http

from .records import Script, Violation
from .served import ChaosServer

JOB = Path(__file__).parent / "job"


def package() -> tuple[str, bytes]:
    """The job's folder as Ray's clients send it: the name is a hash of what is in it."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for path in sorted(JOB.glob("*.py")):
            archive.writestr(zipfile.ZipInfo(path.name, (2026, 1, 1, 0, 0, 0)), path.read_bytes())
    data = made.getvalue()
    return f"_ray_pkg_{hashlib.sha1(data).hexdigest()[:16]}.zip", data


def body_of(script: Script, sink: str, package_name: str) -> dict[str, Any]:
    """The request that submits a script."""
    flags = " --resume" if script.resumable else ""
    about = {"spillover/runtime": f"{script.steps // 2 + 5}s", "spillover/resumable": str(script.resumable).lower()}
    if script.markets:
        about["spillover/markets"] = script.markets
    return {
        "entrypoint": f"{sys.executable} beats.py --sink {sink} --job {script.job} --steps {script.steps} "
        f"--code {script.code}{flags}",
        "submission_id": script.job,
        "runtime_env": {"working_dir": f"gcs://{package_name}"},
        "metadata": about,
        "entrypoint_num_cpus": 1,
    }


MOST_OPEN = 10
"""So many jobs may be on their way at once: more would only wait, and the run has to wait for them in the end."""


class Load:
    """Submits scripts one after the other, in a thread of the network in which it is made."""

    def __init__(self, server: ChaosServer, sink: str) -> None:
        self._server = server
        self._sink = sink
        self._package = package()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.sent: dict[str, Script] = {}
        self.accepted: list[str] = []
        self.refused: list[Violation] = []
        self._ended: set[str] = set()

    def start(self, scripts: Iterable[Script], pauses: Iterator[float]) -> None:
        """Send scripts with pauses between them until stopped."""

        def send() -> None:
            for script in scripts:
                if self._stop.is_set():
                    return
                self.submit(script)
                self._stop.wait(next(pauses))
                while len(self.accepted) - len(self._ended) >= MOST_OPEN and not self._stop.wait(1.0):
                    pass

        self._thread = threading.Thread(target=send, daemon=True)
        self._thread.start()

    def ended(self, jobs: set[str]) -> None:
        """These are said to have ended: others may be sent in their place."""
        self._ended = jobs & set(self.accepted)

    def stop(self) -> None:
        """No more jobs. One whose submit has no answer yet may be accepted or not."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(90)

    def submit(self, script: Script) -> None:
        """Try until there is an answer, or the load is stopped."""
        self.sent[script.job] = script
        while not self._stop.is_set():
            try:
                self._once(script)
                return
            except OSError:  # it is down, or was killed in the middle: nobody knows whether it took the job
                time.sleep(0.3)

    def _once(self, script: Script) -> None:
        name, data = self._package
        address, token = self._server.address, self._server.token
        there = http("GET", f"{address}/api/packages/gcs/{name}", token)
        if there.status == 404:
            there = http("PUT", f"{address}/api/packages/gcs/{name}", token, raw=data)
        answer = http("POST", f"{address}/api/jobs/", token, body_of(script, self._sink, name))
        if answer.status == 200 or "already exists" in answer.text:
            self.accepted.append(script.job)
        else:
            self.refused.append(Violation("submit_refused", script.job, f"{answer.status} {answer.last_line}"))
