"""`spillover applications`: what is served, where, how busy it is and what it costs."""

from __future__ import annotations

from typing import Annotated

import typer

from .api import delete, get
from .options import Address, AsJson, Limit
from .output import failures, show, show_page

applications = typer.Typer(name="applications", invoke_without_command=True)


@applications.callback()
def list_applications(
    context: typer.Context,
    team: Annotated[
        str | None, typer.Option("--team", metavar="TEAM", show_default=False, help="Only this team's.")
    ] = None,
    user: Annotated[
        str | None, typer.Option("--user", metavar="USER", show_default=False, help="Only this user's.")
    ] = None,
    limit: Limit = 100,
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Show the served applications: where they run, how busy they are, what they cost, and why."""
    if context.invoked_subcommand:
        return
    with failures():
        body = get(address, "applications", team=team, user=user, limit=str(limit))
        from .serve_tables import applications_table

        show_page(body, as_json, applications_table)


@applications.command()
def stop(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The application.", show_default=False)],
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Take one application down: one's own, or as an operator any. `serve shutdown` takes down all of one's own."""
    with failures():
        body = delete(address, "applications", name)
        from .tables import answer_text

        show(body, as_json, lambda answer, _: answer_text(answer, f"{name}: is being taken down."))
