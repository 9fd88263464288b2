"""`spillover hosts`, `repair`, `drain`, `undrain`: pools of hosts that are named one by one."""

from __future__ import annotations

from typing import Annotated

import typer

from .api import get, post
from .options import Address, AsJson
from .output import failures, show, show_page

Pool = Annotated[str, typer.Argument(metavar="POOL", help="The pool's name.", show_default=False)]
Host = Annotated[
    str, typer.Argument(metavar="HOST", help="The host, as `spillover hosts` shows it.", show_default=False)
]


def hosts(
    pool: Annotated[str | None, typer.Argument(metavar="[POOL]", help="Only this pool's.", show_default=False)] = None,
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Show the hosts of pools that name them: which are in, what is wrong with others, when they are tried again."""
    with failures():
        body = get(address, "hosts", pool=pool, limit="10000")
        from .tables import hosts_table

        show_page(body, as_json, hosts_table)


def repair(pool: Pool, host: Host, address: Address = None, as_json: AsJson = False) -> None:
    """Try a host that is missing now, without waiting for its next try. No other host is touched."""
    _order(address, pool, host, "repair", as_json)


def drain(pool: Pool, host: Host, address: Address = None, as_json: AsJson = False) -> None:
    """Take a host out for maintenance: nothing new begins there, its jobs finish, then Ray ends there."""
    _order(address, pool, host, "drain", as_json)


def undrain(pool: Pool, host: Host, address: Address = None, as_json: AsJson = False) -> None:
    """Bring a drained host back into its cluster."""
    _order(address, pool, host, "undrain", as_json)


def _order(address: str | None, pool: str, host: str, verb: str, as_json: bool) -> None:
    with failures():
        body = post(address, "pools", pool, "hosts", host, verb)
        from .tables import answer_text

        otherwise = f"{host}: `spillover hosts {pool}` shows how it goes."
        show(body, as_json, lambda answer, _: answer_text(answer, otherwise))
