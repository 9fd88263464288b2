"""The work of the demo: who submits what, as the `ray` command lines that people type, and the run of one of them."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import SpilloverError
from .demo_site import DEMO_MARK, Site

WORKERS = "2x{CPU:1}"
HINT = "25s"
JOB = "train_bytes"
USERS = {"alice": "search", "bob": "vision", "carol": "speech"}
_ORDER = ("alice", "bob", "carol") * 2
_TIMEOUT_S = 60.0
_GRACE_S = 5.0
_PASSED = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "LANG", "LC_ALL", "TZ")


@dataclass(frozen=True)
class Plan:
    """One job: a small language model, trained data-parallel by two workers, each with its own seed."""

    user: str
    number: int
    seed: int
    steps: int

    @property
    def submission_id(self) -> str:
        return f"{self.user}-{self.number}"

    @property
    def team(self) -> str:
        return USERS[self.user]

    def arguments(self, folder: str) -> list[str]:
        """The command line, without the `ray` in front. `folder` is the job's, as the user types it."""
        said = {"spillover/workers": WORKERS, "spillover/runtime": HINT}
        return [
            *("job", "submit", "--no-wait", "--submission-id", self.submission_id, "--working-dir", folder),
            *("--metadata-json", json.dumps(said, separators=(",", ":"))),
            *("--", "python", "train.py", "--workers", "2", "--steps", str(self.steps), "--seed", str(self.seed)),
        ]

    def typed(self, folder: str) -> str:
        """What a person would type."""
        return shlex.join(["ray", *self.arguments(folder)])


def plans(steps: int) -> list[Plan]:
    """Six jobs from three users in turn."""
    return [Plan(user, _ORDER[:i].count(user) + 1, i, steps) for i, user in enumerate(_ORDER)]


def add_home(site: Site, user: str, token: str) -> None:
    """A HOME with the token where Ray's clients look for it, readable by its owner alone."""
    folder = site.home(user) / ".ray"
    folder.mkdir(parents=True, mode=0o700)
    with os.fdopen(os.open(folder / "auth_token", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(token)


def client_environment(site: Site, user: str, address: str, passed: Mapping[str, str]) -> dict[str, str]:
    """What a user's shell has set: all of it, so that no setting of ours leaks in."""
    return {k: passed[k] for k in _PASSED if k in passed} | {
        "HOME": str(site.home(user)),
        "RAY_API_SERVER_ADDRESS": address,
        "RAY_AUTH_MODE": "token",
        DEMO_MARK: str(site.root),
    }


def folder_of(jobs: Path) -> str:
    """The job's folder as people type it where they stand, beside the folder of all jobs."""
    return f"{jobs.name}/{JOB}"


async def submit(plan: Plan, site: Site, address: str, jobs: Path) -> None:
    """Run Ray's own command line. Raises SpilloverError with its words if it fails. Cancelled, it takes it along."""
    process = await asyncio.create_subprocess_exec(
        str(ray_command()),
        *plan.arguments(folder_of(jobs)),
        env=client_environment(site, plan.user, address, os.environ),
        cwd=jobs.parent,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,  # a Ctrl-C in the terminal is for us alone: we end it by its handle
    )
    try:
        out, _ = await asyncio.wait_for(process.communicate(), _TIMEOUT_S)
    except TimeoutError:
        raise SpilloverError(f"`ray job submit` of {plan.submission_id} took over {_TIMEOUT_S:.0f} s") from None
    finally:
        if process.returncode is None:
            await asyncio.shield(_end(process))
    if process.returncode:
        raise SpilloverError(f"`ray job submit` of {plan.submission_id} failed:\n{_tail(out)}")


async def _end(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), _GRACE_S)
    except TimeoutError:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def ray_command() -> Path:
    """The `ray` beside this Python."""
    return Path(sys.executable).parent / "ray"


def _tail(out: bytes) -> str:
    return "\n".join(out.decode(errors="replace").strip().splitlines()[-5:])
