"""The test bed as tests see it: hosts reached over SSH, a cloud, and one switch that ends everything."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from .cloud.client import Cloud
from .host import command_in
from .laptop import environment
from .namespaces import enter, network_of
from .needs import missing
from .sandbox import onprem

TESTS = Path(__file__).parents[1]
LONGEST_FOLDER = 80
"""Paths of sockets below it must fit 107 bytes."""


class Testbed:
    """A sandbox with hosts and a cloud in it. Its state lies in a folder, so that it can be found again."""

    __test__ = False  # it is no test, whatever pytest thinks of its name

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        wanted = json.loads((folder / "testbed.json").read_text())
        self.hosts = {f"op{n}": f"10.77.0.{n}" for n in range(1, wanted["hosts"] + 1)}
        self.cloud = Cloud(folder)

    @property
    def key(self) -> Path:
        """The private key that opens the on-prem hosts, for the user root."""
        return self.folder / "keys" / "user"

    @property
    def pid(self) -> int:
        """The sandbox's first process, as this machine counts. Raises FileNotFoundError if there is no sandbox."""
        return int((self.folder / "run" / "sandbox.pid").read_text())

    def inside(self) -> AbstractContextManager[None]:
        """This thread, and what it starts, is in the sandbox's network. Threads that exist already are not."""
        return network_of(self.pid)

    def environment(self, **more: str) -> dict[str, str]:
        """The laptop's environment: for programs that are started `inside`."""
        return {**environment(self.folder), **more}

    def command(self, *command: str) -> list[str]:
        """The command line that runs a command wholly in the sandbox, its processes too: they end when it does."""
        return enter(self.pid, ["env", "-C", str(self.folder / "laptop"), *command])

    def boot(
        self,
        name: str,
        *,
        authorized: bool = True,
        ray: bool = True,
        commands: Mapping[str, str] | None = None,
        clock_skew_s: int = 0,
        profile: str = "",
        **sizes: str,
    ) -> None:
        """Boot an on-prem host that is down, with an empty disk, and with what is wrong with it.

        `authorized`: whether bed.key opens it. `ray`: whether Python and Ray are in its PATH. `commands`: texts of
        programs that stand before all others in PATH, by name. `clock_skew_s`: what its `date` is ahead (the kernel
        has one clock: other programs are right). `profile`: lines for its .bashrc. `tmp`, `home`, `shm`: sizes of
        /tmp, /root and /dev/shm, such as tmp="2m". Raises RuntimeError if it does not boot.
        """
        spec = onprem(self.folder, self._number(name), "user" if authorized else "stranger")
        commands = dict(commands or {})
        if clock_skew_s:
            commands["date"] = f'#!/bin/sh\nexec /usr/bin/date -d "now {clock_skew_s:+d} seconds" "$@"\n'
        self._host("boot", json.dumps(asdict(replace(spec, ray=ray, commands=commands, profile=profile, **sizes))))

    def cut(self, name: str) -> None:
        """Power cut of an on-prem host: every process ends at once, and its disk is lost."""
        self._number(name)
        self._host("cut", name)

    def run_on(
        self, name: str, *command: str, check: bool = True, timeout_s: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on a host, or on an instance by its id, as root and not over SSH. Raises CalledProcessError."""
        line = enter(self.pid, command_in(self.folder, name, list(command)))
        return subprocess.run(line, capture_output=True, text=True, check=check, timeout=timeout_s)

    def _number(self, name: str) -> int:
        if name not in self.hosts:
            raise KeyError(f"no host '{name}': there are {', '.join(self.hosts)}")
        return int(name.removeprefix("op"))

    def _host(self, *arguments: str) -> None:
        line = [sys.executable, "-P", "-m", "testbed.host", str(self.folder), *arguments]
        done = subprocess.run(
            enter(self.pid, ["env", f"PYTHONPATH={TESTS}", *line]), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(done.stderr[-3000:])


def start(folder: Path, *, hosts: int, cloud: bool, settings: Mapping[str, Any], stay: bool) -> subprocess.Popen[bytes]:
    """Make a test bed in an empty or old folder and wait until it is there. Returns the process that holds it."""
    _prepare(folder, {"hosts": hosts, "cloud": cloud, **settings})
    log = folder / "logs" / "guard.log"
    with log.open("wb") as out:
        guard = subprocess.Popen(
            [sys.executable, "-P", "-m", "testbed.guard", str(folder), *(["stay"] if stay else [])],
            stdin=subprocess.DEVNULL if stay else subprocess.PIPE, stdout=out, stderr=out, start_new_session=True,
            cwd="/", env={**environment(folder), "PYTHONPATH": str(TESTS)},
        )  # fmt: skip
    until = time.monotonic() + 240  # three seconds on a machine with nothing else to do
    while not (folder / "run" / "ready").exists():
        if guard.poll() is not None or time.monotonic() > until:
            stop(guard)
            said = (part.read_text()[-3000:] for part in (log, folder / "logs" / "sandbox.log") if part.exists())
            raise RuntimeError("the test bed did not come up: " + "\n".join(said))
        time.sleep(0.03)
    return guard


def stop(guard: subprocess.Popen[bytes]) -> None:
    """End a test bed and everything in it."""
    guard.terminate()
    with suppress(subprocess.TimeoutExpired):
        guard.wait(20)
    if guard.stdin is not None:
        guard.stdin.close()


@contextmanager
def testbed(folder: Path, *, hosts: int = 3, cloud: bool = True, **settings: Any) -> Iterator[Testbed]:  # noqa: PT028
    """A test bed for the length of a `with`. Its folder keeps the logs and the cloud's bill.

    Further settings: `boot_delay_s`, how long an instance is `pending`; `ending_s`, how long it is `shutting-down`;
    `precreate_iam`, False to keep the two sleeps of 15 s of `ray up`. Raises RuntimeError if this machine lacks
    something, or it does not come up.
    """
    guard = start(folder, hosts=hosts, cloud=cloud, settings=settings, stay=False)
    try:
        yield Testbed(folder)
    finally:
        stop(guard)


testbed.__test__ = False  # type: ignore[attr-defined]


def _prepare(folder: Path, wanted: Mapping[str, Any]) -> None:
    if lacks := missing():
        raise RuntimeError(f"no test bed here: needs {', '.join(lacks)}")
    if len(os.fsencode(folder)) > LONGEST_FOLDER or not folder.is_absolute():
        raise ValueError(f"{folder}: the folder of a test bed must be absolute and {LONGEST_FOLDER} bytes at most")
    for name in ("run", "cloud", "logs", "hosts", "keys", "laptop"):
        if name in {"run", "cloud"}:
            shutil.rmtree(folder / name, ignore_errors=True)
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "keys").chmod(0o700)
    (folder / "testbed.json").write_text(json.dumps(wanted))
