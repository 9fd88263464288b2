"""`spillover leaks`: machines that should not be there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .output import FAILED, USAGE, draw, failures, say

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ..bootstrap.leaks import Leaks


def leaks(
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE", help="Settings that win over the file."),
    ] = None,
    file: Annotated[Path, typer.Option("--config", "-c", metavar="FILE", help="The settings.")] = Path(
        "spillover.yaml"
    ),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list them.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
) -> None:
    """List machines that no lease allows, and end them: unknown, expired or orphaned ones.

    Asks the providers directly, so it works where the server does not run. Exits with 0 if there were none, with 1 if
    there were some, with 2 if some are still there or a provider could not be asked.
    """
    with failures():
        from ..bootstrap.leaks import find_leaks
        from ..checkup import accept
        from ..config import read_settings

        settings, _ = accept(read_settings(file, overrides or ()))
        found = find_leaks(settings, end=not dry_run)
        _show(found, as_json, dry_run)
        if found.silent or any(stray.error for stray in found.strays):
            raise typer.Exit(USAGE)
        if found.strays:
            raise typer.Exit(FAILED)


def _show(found: Leaks, as_json: bool, dry_run: bool) -> None:
    if as_json:
        print(json.dumps(_as_json(found), indent=1))
        return
    if found.strays:
        draw(_rows(found, dry_run), _table)
    for pool, why in found.silent:
        say(f"Pool {pool}: its provider does not answer, what it has is unknown: {why}")
    print(_summary(found))


def _as_json(found: Leaks) -> dict[str, Any]:
    strays = [_row(s.machine) | {"why": s.why, "error": s.error} for s in found.strays]
    return {
        "strays": strays,
        "leased": [_row(machine) for machine in found.leased],
        "silent": [{"pool": pool, "why": why} for pool, why in found.silent],
    }


def _row(machine: Any) -> dict[str, Any]:
    names = ("id", "pool", "kind", "node_type", "market", "zone", "launched_at", "lease_id", "lease_expires_at")
    return {name: getattr(machine, name) for name in names} | {"state": machine.state.value}


def _rows(found: Leaks, dry_run: bool) -> list[dict[str, Any]]:
    done = "left alone" if dry_run else "ended"
    return [_row(s.machine) | {"why": s.why, "outcome": s.error or done} for s in found.strays]


def _table(rows: list[dict[str, Any]], now: float) -> RenderableType:
    from ..units import show_duration
    from .grid import Grid

    table = Grid("MACHINE", "POOL", "TYPE", "MARKET", "ZONE", ">AGE", "WHY", "NOTE", drop=("ZONE", "MARKET"))
    for row in rows:
        age = show_duration(max(0.0, now - row["launched_at"]))
        kind = row["node_type"] or row["kind"]
        table.add(row["id"], row["pool"], kind, row["market"], row["zone"], age, row["why"], row["outcome"])
    return table


def _summary(found: Leaks) -> str:
    if not found.asked:
        return "No pool of these settings rents machines from a provider that can be asked."
    stray = f"{len(found.strays)} stray machine{'' if len(found.strays) == 1 else 's'}"
    leased = f"{len(found.leased)} under a lease"
    return f"{stray}, {leased}; asked for pools {', '.join(found.asked)}."
