"""`spillover check`: everything that is wrong with the settings, at once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .output import USAGE, failures

if TYPE_CHECKING:
    from ..checkup.asking import Answer
    from ..config import Finding, Reading


def check(
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE", help="Settings that win over the file, such as listen.port=8000."),
    ] = None,
    file: Annotated[Path, typer.Option("--config", "-c", metavar="FILE", help="The settings.")] = Path(
        "spillover.yaml"
    ),
    offline: Annotated[bool, typer.Option("--offline", help="Ask no attached cluster; read files alone.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as a JSON list.")] = False,
) -> None:
    """Tell every mistake of the settings at once, with its line, and ask attached clusters. Nothing is started."""
    with failures():
        from ..checkup import look
        from ..config import read_settings

        reading = read_settings(file, overrides or ())
        answers = () if offline else _asked(reading)
        findings = look(reading, [mistake for answer in answers for mistake in answer.mistakes])
        if as_json:
            print(json.dumps([finding.as_json() for finding in findings], indent=1))
        else:
            print("\n".join([*map(str, findings), summary(reading, findings, answers)]))
        if any(not finding.warning for finding in findings):
            raise typer.Exit(USAGE)


def _asked(reading: Reading) -> Sequence[Answer]:
    import asyncio

    from ..checkup.asking import ask_all

    return asyncio.run(ask_all(reading.parts.pools))


def summary(reading: Reading, findings: Sequence[Finding], answers: Sequence[Answer]) -> str:
    """How many of each, or that all is well."""
    warnings = sum(finding.warning for finding in findings)
    mistakes = len(findings) - warnings
    counted = [_count(mistakes, "mistake"), _count(warnings, "warning")]
    settings = reading.settings
    if mistakes or settings is None:
        return ", ".join(filter(None, counted)) + "."
    name = reading.source.file
    fine = f"{counted[1]}; {name} can be used" if warnings else f"{name} is fine"
    pools = _count(len(settings.pools), "pool")
    parts = [f"{fine}: {pools}, policy {settings.policy.name}", *filter(None, map(_answered, answers))]
    return "; ".join(parts) + "."


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number > 1 else ''}" if number else ""


def _answered(answer: Answer) -> str:
    if answer.seen is None:
        return ""
    return f"{answer.pool} answers with {_count(len(answer.seen.nodes), 'node')} of Ray {answer.seen.ray_version}"
