"""`spillover quote`: what a job would cost and how long it would wait, before anything is submitted."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ..errors import SpilloverError
from .api import post
from .options import Address, AsJson
from .output import failures, show


def _text(flag: str, metavar: str, text: str) -> Any:
    return typer.Option(flag, metavar=metavar, show_default=False, help=text)


def quote(
    workers: Annotated[
        str | None,
        typer.Argument(metavar="[WORKERS]", show_default=False, help="The gang, as in `4x{GPU:2,CPU:16}`."),
    ] = None,
    runtime: Annotated[str | None, _text("--runtime", "TIME", "How long it runs, such as 2h.")] = None,
    priority: Annotated[str | None, _text("--priority", "P", "`low`, `normal`, `high`, or -1000 to 1000.")] = None,
    team: Annotated[str | None, _text("--team", "TEAM", "The account that pays.")] = None,
    pools: Annotated[str | None, _text("--pools", "NAMES", "Only these pools.")] = None,
    regions: Annotated[str | None, _text("--regions", "NAMES", "Only these regions.")] = None,
    markets: Annotated[str | None, _text("--markets", "NAMES", "Only `owned`, `on_demand`, `spot`.")] = None,
    needs: Annotated[str | None, _text("--needs", "NAMES", "What the pool must provide.")] = None,
    data: Annotated[
        str | None, _text("--data", "URL=SIZE", "Its data: `s3://bucket/set=120GB`.")
    ] = None,
    deadline: Annotated[
        str | None, _text("--deadline", "TIME", "Done by then: `2026-12-01T08:00Z`.")
    ] = None,
    resumable: Annotated[
        bool, typer.Option("--resumable", help="It checkpoints, and loses little when it is interrupted.")
    ] = False,
    num_cpus: Annotated[float | None, _text("--entrypoint-num-cpus", "N", "CPUs of the entrypoint itself.")] = None,
    num_gpus: Annotated[float | None, _text("--entrypoint-num-gpus", "N", "GPUs of the entrypoint itself.")] = None,
    metadata_json: Annotated[
        str | None, _text("--metadata-json", "JSON", "As for `ray job submit`; the options above win over it.")
    ] = None,
    entrypoint: Annotated[
        str | None, _text("--entrypoint", "COMMAND", "What would run: its past runs say how long and how much.")
    ] = None,
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Show every way to run a job with its price and start, and what would be decided. Nothing is started."""
    with failures():
        said = {
            "spillover/workers": workers,
            "spillover/runtime": runtime,
            "spillover/priority": priority,
            "spillover/team": team,
            "spillover/pools": pools,
            "spillover/regions": regions,
            "spillover/markets": markets,
            "spillover/needs": needs,
            "spillover/data": data,
            "spillover/deadline": deadline,
            "spillover/resumable": "true" if resumable else None,
        }
        body = {
            "entrypoint": entrypoint,
            "metadata": _read_metadata(metadata_json) | {key: text for key, text in said.items() if text is not None},
            "entrypoint_num_cpus": num_cpus,
            "entrypoint_num_gpus": num_gpus,
        }
        answer = post(address, "quote", body=body)
        from .explain_tables import quote_view

        show(answer, as_json, quote_view)


def _read_metadata(text: str | None) -> dict[str, Any]:
    import json

    try:
        metadata = json.loads(text or "{}")
    except json.JSONDecodeError as error:
        raise SpilloverError(f"--metadata-json '{text}' is no JSON: {error}") from None
    if not isinstance(metadata, dict):
        raise SpilloverError(f"--metadata-json '{text}' is no JSON object; write '{{\"spillover/runtime\": \"2h\"}}'")
    return metadata
