"""`spillover prices`, `spillover prices refresh`: what machines cost at AWS, as far as is known here."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..client.connect import address_file
from ..errors import BadArgument, SettingsError
from .output import failures, say, show

if TYPE_CHECKING:
    from ..adapters.price_catalogue import Catalogue

prices = typer.Typer(name="prices", invoke_without_command=True)

_SETTINGS = Path("spillover.yaml")

Regions = Annotated[
    list[str] | None,
    typer.Option("--region", metavar="REGION", show_default=False, help="Only of this region. May be given again."),
]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        show_default=False,
        help="The settings, which name the state folder; else ./spillover.yaml, SPILLOVER__state_dir, or ~/.spillover.",
    ),
]
PlainJson = Annotated[bool, typer.Option("--json", help="Print a JSON list.")]


@prices.callback()
def prices_known(
    context: typer.Context,
    region: Regions = None,
    types: Annotated[
        list[str] | None,
        typer.Option(
            "--type",
            metavar="TYPE",
            show_default=False,
            help="Only this type, g5.xlarge, or family, g5. May be repeated.",
        ),
    ] = None,
    config: Config = None,
    as_json: PlainJson = False,
) -> None:
    """Show what instance types cost at AWS, on demand and spot, each with its day. Nobody is asked."""
    if context.invoked_subcommand:
        return
    with failures():
        from ..adapters.price_catalogue import load_catalogue
        from .prices_tables import price_rows, prices_table

        catalogue = load_catalogue(_state_dir(config))
        rows = price_rows(catalogue, _known_regions(catalogue, region), types or [])
        show(json.dumps(rows, indent=1), as_json, prices_table)


@prices.command()
def refresh(region: Regions = None, config: Config = None, as_json: PlainJson = False) -> None:
    """Take AWS's price list and present spot prices, and show what changed. A call that fails changes nothing.

    Needs credentials that allow pricing:GetProducts and ec2:DescribeSpotPriceHistory.
    """
    with failures():
        from ..adapters.aws_prices import fetch_prices
        from ..adapters.price_catalogue import load_catalogue, load_refreshed, save_catalogue
        from .prices_tables import change_rows, changes_table

        state_dir = _state_dir(config)
        before = load_catalogue(state_dir)
        with _progress() as progress:
            fetched = fetch_prices(region or before.regions(), progress)
        file = save_catalogue(load_refreshed(state_dir).with_newer(fetched), state_dir)
        changes = load_catalogue(state_dir).changes_since(before)
        show(json.dumps(change_rows(changes), indent=1), as_json, changes_table)
        say(f"Prices of {', '.join(region or before.regions())} are in {file}.")


def _known_regions(catalogue: Catalogue, asked: list[str] | None) -> list[str]:
    known = catalogue.regions()
    for name in asked or ():
        if name not in known:
            raise BadArgument(
                f"no prices of '{name}' are known, only of {', '.join(known)}; "
                f"`spillover prices refresh --region {name}` takes them from AWS"
            )
    return list(dict.fromkeys(asked or known))


def _state_dir(config: Path | None) -> Path:
    """Where refreshed prices are: in the state folder of the settings, if there are any here."""
    if config is None and not _SETTINGS.exists():
        return address_file().parent
    from ..config import read_settings

    reading = read_settings(config or _SETTINGS)
    folder = reading.source.tree.get("state_dir")
    if not isinstance(folder, str):
        raise SettingsError([str(finding) for finding in reading.told()])
    return Path(folder)


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """How far it is, on a terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console

    with Console(stderr=True).status("asking AWS") as status:
        yield status.update
