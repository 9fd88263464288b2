"""What commands that make secrets share: how long they live, and a file of their own for them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from ..errors import SpilloverError
from ..units import parse_duration

_NEVER = "never"


def lifetime(text: str) -> str:
    """The text, if it says how long a token or key lives. Raises BadParameter."""
    try:
        if text != _NEVER and parse_duration(text) > 0:
            return text
    except ValueError:
        pass
    if text != _NEVER:
        raise typer.BadParameter(f"'{text}' is no life of a token or key; write '90d', '12h' or '{_NEVER}'")
    return text


def life_s(text: str) -> float:
    """Seconds of what `lifetime` let pass; 0 for ever."""
    return 0.0 if text == _NEVER else parse_duration(text)


@contextmanager
def new_file(path: Path | None) -> Iterator[int | None]:
    """A file for a secret, there before the secret is, and gone again if there will be none."""
    if path is None:
        yield None
        return
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise SpilloverError(f"{path} cannot be written: {error.strerror}. Name another file with --out.") from None
    try:
        yield file
    except BaseException:
        path.unlink()
        raise
    finally:
        os.close(file)
