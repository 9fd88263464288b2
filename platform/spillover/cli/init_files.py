"""Writes the files of `spillover init`: all of them or none, and never over one that is there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from ..errors import SpilloverError

SETTINGS = Path("spillover.yaml")
CLUSTER = Path("clusters/embedded.yaml")


def refuse_existing(folder: Path) -> None:
    """Raises SpilloverError that names every file that is there already."""
    there = [str(folder / name) for name in (SETTINGS, CLUSTER) if os.path.lexists(folder / name)]
    if there:
        verb = "exists" if len(there) == 1 else "exist"
        raise SpilloverError(f"{' and '.join(there)} {verb}: nothing was written. Name another folder.")


def write_files(folder: Path, files: Mapping[Path, str]) -> None:
    """Write them under `folder`. Raises SpilloverError, and leaves nothing, if one cannot be written."""
    written: list[Path] = []
    try:
        for name, text in files.items():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("x") as file:
                written.append(target)
                file.write(text)
    except OSError as error:
        for path in written:
            path.unlink()
        raise SpilloverError(f"{error.filename or folder}: {error.strerror}: nothing was written.") from None
