"""The state folder: one owner at a time, the administrator's token, where the server is."""

from __future__ import annotations

import fcntl
import json
import os
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
    """Where the administrator's first token lies, readable by the owner alone."""
    return state_dir / "token"


def read_first_token(state_dir: Path) -> str:
    """The administrator's first token; "" if there is none."""
    try:
        return first_token_file(state_dir).read_text().strip()
    except FileNotFoundError:
        return ""


def write_first_token(state_dir: Path, secret: str) -> None:
    """Put the administrator's first token there, whole or not at all."""
    part = state_dir / "token.part"
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)
    part.write_text(secret)
    part.replace(first_token_file(state_dir))


def remove_cut_uploads(state_dir: Path) -> None:
    """Remove uploads that an earlier process had under way when it died."""
    for part in state_dir.glob("packages/*/.*.part"):
        part.unlink()


def write_server_file(
    state_dir: Path, local: str, told: str, token_file: Path | None = None, ca_file: Path | None = None
) -> None:
    """For the command line on this machine: where the server is, what others are told, and whom to trust there."""
    files = {"token_file": token_file, "ca_file": ca_file}
    known = {"address": local, "url": told, **{name: str(file) for name, file in files.items() if file}}
    (state_dir / "server.json").write_text(json.dumps({**known, "pid": os.getpid()}))
