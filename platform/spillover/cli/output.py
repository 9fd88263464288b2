"""How commands speak: tables or JSON on stdout, what went wrong on stderr, and an exit code."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

from ..errors import SettingsError, SpilloverError

if TYPE_CHECKING:
    from rich.console import RenderableType

FAILED = 1
USAGE = 2

# Wide enough that no row wraps when the output goes to a file or to `grep`.
_WIDTH_OF_A_FILE = 200


@contextmanager
def failures() -> Iterator[None]:
    """Turn errors that are meant for people into a message and an exit code."""
    try:
        yield
    except SettingsError as error:
        count = len(error.mistakes)
        say("\n".join([*error.mistakes, f"{count} mistake{'s' if count > 1 else ''} in the settings."]))
        raise typer.Exit(USAGE) from None
    except SpilloverError as error:
        say(str(error))
        raise typer.Exit(FAILED) from None


def say(text: str) -> None:
    """A message to the person, apart from the output."""
    print(text, file=sys.stderr)


Render = Callable[[Any, float], "RenderableType"]


def show(body: str, as_json: bool, render: Render) -> None:
    """Print an answer of the API: as it is, or as `render(data, now)` draws it."""
    if as_json:
        print(body)
    else:
        draw(json.loads(body), render)


def show_page(body: str, as_json: bool, render: Render) -> None:
    """Print a page of the API: as it is, or as `render(items, now)` draws it. One that was cut is said to be."""
    if as_json:
        print(body)
        return
    page = json.loads(body)
    draw(page["items"], render)
    if page["next"] is not None:
        say(f"Only {len(page['items'])} are shown; --limit takes more.")


def draw(data: Any, render: Render) -> None:
    """Print `render(data, now)`."""
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _WIDTH_OF_A_FILE
    console.print(render(data, time.time()))
