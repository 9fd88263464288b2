"""Runs commands on hosts and copies files there, with the `ssh`, `rsync` and `scp` of this machine.

Nothing is ever asked: a key that needs a passphrase must be in an agent. Host keys are kept in a file of our own: the
first one is believed, a changed one is refused.
"""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
import signal
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..domain.host import Finding

CONNECT_TIMEOUT_S = 10
_SSH_FAILED = 255
_NOT_FOUND = 127
_GRACE_S = 3.0
_NO_RSYNC = re.compile(r"rsync: (command )?not found|rsync: No such file", re.IGNORECASE)


@dataclass(frozen=True)
class SshAccess:
    """How hosts are reached: the `auth` section of a cluster YAML. `known_hosts` is the file with their keys."""

    user: str
    known_hosts: Path
    private_key: Path | None = None
    proxy_command: str | None = None

    def options(self) -> list[str]:
        """Options that `ssh` and `scp` share."""
        pairs = {
            "BatchMode": "yes",
            "ConnectTimeout": CONNECT_TIMEOUT_S,
            "ServerAliveInterval": 5,
            "ServerAliveCountMax": 3,
            "StrictHostKeyChecking": "accept-new",
            "UserKnownHostsFile": self.known_hosts,
            "GlobalKnownHostsFile": os.devnull,
            "LogLevel": "ERROR",
        }
        if self.private_key:
            pairs["IdentitiesOnly"] = "yes"
        if self.proxy_command:
            pairs["ProxyCommand"] = self.proxy_command
        key = ["-i", str(self.private_key)] if self.private_key else []
        return [*key, *(word for name, value in pairs.items() for word in ("-o", f"{name}={value}"))]


@dataclass(frozen=True)
class Answer:
    """What a command brought. `fault`: it never got that far, and why."""

    code: int
    out: str
    err: str
    fault: Finding | None = None

    @property
    def last_words(self) -> str:
        """The last line that says something."""
        lines = [line.strip() for line in (self.out + "\n" + self.err).splitlines()]
        return next((line for line in reversed(lines) if line and not line.startswith("bash: ")), "it said nothing")


class Ssh:
    """One way in, to any host."""

    def __init__(self, access: SshAccess) -> None:
        self._access = access

    async def run(self, host: str, command: str, *, stdin: bytes = b"", timeout_s: float = 60.0) -> Answer:
        """A shell command there."""
        target = f"{self._access.user}@{host}"
        words = ["ssh", "-T", *self._access.options(), target, command]
        answer = await _run(words, stdin, timeout_s)
        if answer.code == _SSH_FAILED and answer.fault is None:
            return Answer(answer.code, answer.out, answer.err, self._fault(host, answer.err))
        return answer

    async def copy(self, host: str, local: Path, remote: str, excludes: Sequence[str] = ()) -> Answer:
        """A file or a folder to there, as `ray up` does it: by rsync, or by scp where there is no rsync."""
        made = await self.run(host, f"mkdir -p {_folder_of(remote)}")
        if made.code or made.fault:
            return made
        rsync = await self._rsync(host, local, remote, excludes) if shutil.which("rsync") else None
        if rsync and rsync.code != _NOT_FOUND and not _NO_RSYNC.search(rsync.err):
            return rsync
        # scp knows `~` as the folder in which it starts
        target = f"{self._access.user}@{host}:{remote.removeprefix('~/')}"
        return await _run(["scp", "-r", "-p", "-q", *self._access.options(), str(local), target], b"", 3600.0)

    async def _rsync(self, host: str, local: Path, remote: str, excludes: Sequence[str]) -> Answer:
        slash = "/" if local.is_dir() else ""
        words = ["rsync", "-az", "--rsh", shlex.join(["ssh", "-T", *self._access.options()])]
        words += [word for pattern in excludes for word in ("--exclude", pattern)]
        target = f"{self._access.user}@{host}:{remote.rstrip('/')}{slash}"
        return await _run([*words, f"{local}{slash}", target], b"", 3600.0)

    def _fault(self, host: str, text: str) -> Finding:
        access, last = self._access, (text.strip().splitlines() or ["no reason given"])[-1].strip()
        key = f"key {access.private_key}" if access.private_key else "none of the keys here"
        if "IDENTIFICATION HAS CHANGED" in text or "Host key verification failed" in text:
            return Finding(
                f"host key of {host} is not the one that was seen before: another machine, or one installed anew; "
                f"if that is right, run `ssh-keygen -R {host} -f {access.known_hosts}`"
            )
        if "Permission denied" in text:
            return Finding(
                f"{key} is refused for {access.user}@{host}: {last}; "
                f"put its public half into ~{access.user}/.ssh/authorized_keys there"
            )
        return Finding(f"unreachable over SSH: {last}; is it on, and does `ssh {access.user}@{host}` work from here?")


def _folder_of(remote: str) -> str:
    """The folder that a file or folder lies in, for a shell that starts at home."""
    folder = str(PurePosixPath(remote).parent)
    if folder.startswith("~"):
        folder = folder.removeprefix("~").removeprefix("/") or "."
    return shlex.quote(folder)


async def _run(words: Sequence[str], stdin: bytes, timeout_s: float) -> Answer:
    process = await asyncio.create_subprocess_exec(
        *words,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "LC_ALL": "C"},
        start_new_session=True,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(stdin), timeout_s)
    except TimeoutError:
        return Answer(_SSH_FAILED, "", "", Finding(f"no answer for {timeout_s:g} s; is the host overloaded?"))
    finally:
        if process.returncode is None:
            await asyncio.shield(_end(process))
    return Answer(process.returncode or 0, out.decode(errors="replace"), err.decode(errors="replace"))


async def _end(process: asyncio.subprocess.Process) -> None:
    """With its helpers: a proxy command is a process of its own."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _GRACE_S)
            return
