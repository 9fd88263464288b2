"""`spillover up`: start the server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .output import failures, say


def up(
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE", help="Settings that win over the file, such as listen.port=8000."),
    ] = None,
    file: Annotated[Path, typer.Option("--config", "-c", metavar="FILE", help="The settings.")] = Path(
        "spillover.yaml"
    ),
    fold_on_exit: Annotated[
        bool, typer.Option("--fold-on-exit", help="Take launched pools down when the server is stopped.")
    ] = False,
) -> None:
    """Start the server: the queue, its pools and Ray's Jobs API in front of them."""
    with failures():
        from ..bootstrap.serving import run
        from ..checkup import accept
        from ..config import read_settings

        settings, warnings = accept(read_settings(file, overrides or ()))
        for warning in warnings:
            say(str(warning))
        run(settings, fold_on_exit=fold_on_exit)
