"""The state folder: one owner at a time, the administrator's token, where the server is."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import SpilloverError


@contextmanager
def sole_owner(state_dir: Path) -> Iterator[None]:
    """Hold the state folder for this process alone. Raises SpilloverError if another Spillover has it."""
    state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (state_dir / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SpilloverError(f"another Spillover runs on the state folder {state_dir}; stop it first") from None
        yield


def first_token_file(state_dir: Path) -> Path:
    """The file with the administrator's token, readable by the owner alone; made if it is not there."""
    path = state_dir / "token"
    if not path.exists():
        part = path.with_suffix(".part")
        part.touch(mode=0o600)
        part.write_text(secrets.token_hex(32))
        part.replace(path)
    return path


def remove_cut_uploads(state_dir: Path) -> None:
    """Remove uploads that an earlier process had under way when it died."""
    for part in state_dir.glob("packages/*/.*.part"):
        part.unlink()


def write_server_file(state_dir: Path, url: str, token_file: Path) -> None:
    """Say where the server is, for the command line on this machine."""
    text = json.dumps({"address": url, "token_file": str(token_file), "pid": os.getpid()})
    (state_dir / "server.json").write_text(text)
