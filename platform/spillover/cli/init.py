"""`spillover init`: settings to start with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .output import USAGE, failures, say

_PRICE = "--price-usd-per-hour"
_WHY_A_PRICE = (
    f"{_PRICE} is required with --attach: what one node of your cluster costs you an hour (its purchase spread over "
    "its years, power, space, people). Every decision to wait or to rent rests on it, so it is never assumed: "
    f"write {_PRICE} 0 if waiting is to count as free."
)

_A_JOB = 'python -c "import ray; ray.init(); print(ray.cluster_resources())"'


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write.", show_default=".")] = Path(),
    attach: Annotated[
        str | None,
        typer.Option(
            "--attach", metavar="URL", show_default=False, help="A Ray cluster that runs: the URL of its dashboard."
        ),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option("--token-file", metavar="FILE", show_default=False, help="The file with that cluster's token."),
    ] = None,
    price: Annotated[
        float | None,
        typer.Option(_PRICE, min=0, metavar="P", show_default=False, help="What one node of it costs an hour."),
    ] = None,
    with_burst: Annotated[
        bool, typer.Option("--with-burst", help="With --attach: a pool of local processes to try bursting with.")
    ] = False,
) -> None:
    """Write commented settings that pass `spillover check`: for a cluster on this machine, or for yours."""
    with failures():
        if attach is None and (token_file or price is not None or with_burst):
            _refuse(f"--token-file, {_PRICE} and --with-burst go with --attach URL, the dashboard of your Ray cluster.")
        if attach is not None and price is None:
            _refuse(_WHY_A_PRICE)
        from .init_files import refuse_existing, write_files

        refuse_existing(folder)
        if attach is None or price is None:
            from .init_local import starting_set

            files, found = starting_set(), ""
        else:
            from .init_attach import attached_set

            files, found = attached_set(folder, attach, token_file, price, with_burst=with_burst)
        write_files(folder, files)
        print(_done(folder, found, with_burst=with_burst))


def _refuse(text: str) -> None:
    say(text)
    raise typer.Exit(USAGE)


def _done(folder: Path, found: str, *, with_burst: bool) -> str:
    from .init_files import CLUSTER, SETTINGS

    where = "" if folder == Path() else f" -c {folder / SETTINGS}"
    lines = [
        f"Wrote {folder / SETTINGS} and {folder / CLUSTER}.{found}",
        "Next:",
        f"  spillover check{where}",
        f"  spillover up{where}",
        "and in another shell, with the three exports that `spillover up` prints:",
        f"  ray job submit -- {_A_JOB}",
    ]
    if with_burst:
        lines.append(f'  ray job submit --metadata-json \'{{"spillover/pools": "cloud"}}\' -- {_A_JOB}')
    return "\n".join(lines)
