"""Which demos run on this machine, so that the next one can end what a killed one left behind.

One file a demo under /tmp/spillover-demo-UID/, locked while its demo lives: the kernel gives the lock back even
after a `kill -9`. Only what lies in such a file, and is marked with that demo's own folder, is ever ended.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from ..errors import SpilloverError
from .demo_ports import free_blocks, free_nets
from .demo_site import NAMES, Block, Site, blocks_of, end_site

Say = Callable[[str], None]

# Short: Ray's sockets lie below it, and a socket's path ends at 107 bytes.
_ROOT = "/tmp/sp"  # noqa: S108  # random, and made with mode 0700
_ROOT_PATTERN = re.compile(r"/tmp/sp[0-9a-f]{8}")  # noqa: S108


@dataclass(frozen=True)
class Entry:
    """What a demo's file says."""

    root: str
    bases: list[int]
    nets: list[str]


@dataclass
class Place:
    """A demo's own folder, and a block for each of its clusters. `keep`: the folder is to stay."""

    site: Site
    blocks: dict[str, Block]
    keep: bool = False


def registry_folder() -> Path:
    """Where this user's demos are written down. Raises SpilloverError if it belongs to somebody else."""
    folder = Path(f"/tmp/spillover-demo-{os.getuid()}")  # noqa: S108  # checked below
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise SpilloverError(f"{folder} is not a folder of yours: remove it, or have its owner do so")
    return folder


@contextmanager
def registered(say: Say, folder: Path | None = None) -> Iterator[Place]:
    """A place for one demo; what killed demos have left is ended first.

    At the end whatever still runs of it is ended. Should that fail, it stays on the list for the next demo.
    """
    folder = folder or registry_folder()
    with _locked(folder / "lock"):
        taken = sweep(folder, say)
        entry = _new_entry(taken)
        path = folder / f"{Path(entry.root).name}.json"
        file = path.open("w")
        fcntl.flock(file, fcntl.LOCK_EX)
        json.dump(asdict(entry), file)
        file.flush()
    place = Place(Site(Path(entry.root)), blocks_of(entry.bases, entry.nets))
    try:
        yield place
    finally:
        if not end_site(place.site, keep=place.keep):
            path.unlink(missing_ok=True)
        file.close()


def sweep(folder: Path, say: Say) -> list[Entry]:
    """End the leftovers of demos that live no more. Returns those that still run."""
    running = []
    for path in sorted(folder.glob("*.json")):
        with path.open() as file:
            entry = _read(file)
            if entry and not _try_lock(file):
                running.append(entry)
            elif entry is None or _end_leftovers(Site(Path(entry.root)), say):
                path.unlink(missing_ok=True)
    return running


def _end_leftovers(site: Site, say: Say) -> bool:
    if site.root.exists():
        say(f"An earlier demo was killed: ending what it left in {site.root}.")
    left = end_site(site)
    if left:
        say(f"These would not end, end them by hand: {', '.join(left)}")
    return not left


def _new_entry(running: list[Entry]) -> Entry:
    bases = free_blocks(len(NAMES), {base for entry in running for base in entry.bases})
    nets = free_nets(len(NAMES), {net for entry in running for net in entry.nets})
    return Entry(_ROOT + secrets.token_hex(4), bases, nets)


def _read(file: IO[str]) -> Entry | None:
    """None for a file that is none of ours, or was cut off while it was written: nothing had begun then."""
    try:
        entry = Entry(**json.load(file))
    except (ValueError, TypeError):
        return None
    return entry if _ROOT_PATTERN.fullmatch(entry.root) else None


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
