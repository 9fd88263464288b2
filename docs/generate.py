"""Writes docs/reference/ from the code: `make docs`. A test fails when a page is not what this would write."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from inspect import cleandoc
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from typer.main import get_command

from spillover.backtest.prices import KEYS as PRICE_KEYS
from spillover.backtest.readers import kueue, ray_jobs, slurm
from spillover.backtest.readers.fields import FIELDS
from spillover.backtest.world import World
from spillover.cli.main import app
from spillover.config import schema
from spillover.control.metadata import KEYS, PREFIX
from spillover.control.serving.block import KEYS as BLOCK_KEYS
from spillover.gateway.own import ENDPOINTS, ROOT
from spillover.placement.policies import describe, policy_names, policy_settings
from spillover.tco.figures import Figure, load_book, load_quoted, node_types
from spillover.units import show_duration, show_size

FOLDER = Path(__file__).parent / "reference"
NOTE = "<!-- Written by `make docs` from the code: change it there. -->"


def main() -> None:
    """Write every page."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text)


def pages() -> dict[str, str]:
    """The text of each page, by file name."""
    makers: dict[str, Callable[[], Iterator[str]]] = {
        "command-line.md": command_line,
        "metadata.md": metadata,
        "serve-block.md": serve_block,
        "settings.md": settings,
        "policies.md": policies,
        "backtest.md": backtest,
        "api.md": api,
        "economics.md": economics,
    }
    return {name: f"{NOTE}\n\n" + "\n".join(make()).rstrip() + "\n" for name, make in makers.items()}


def command_line() -> Iterator[str]:
    """The help of every command, as the program prints it."""
    yield "# The command line\n"
    yield "Every command finds the server and the token as described in [connecting](../how-to/submit-jobs.md)."
    yield "Exit codes: 0 done, 1 it could not be done, 2 it was asked for wrongly.\n"
    yield from _help(get_command(app), "spillover")


def _help(command: Any, name: str) -> Iterator[str]:
    shown = [p for p in command.params if not getattr(p, "hidden", False) and p.name != "help"]
    if subs := getattr(command, "commands", {}):
        yield f"## `{name}`\n\n{_unfold(command.help or '')}\n"
        if command.invoke_without_command:
            yield from _options(shown)
        for sub_name, sub in subs.items():
            yield from _help(sub, f"{name} {sub_name}")
        return
    arguments = [p for p in shown if p.param_type_name == "argument"]
    usage = " ".join([name, *(["[OPTIONS]"] if len(shown) > len(arguments) else []), *(map(_argument, arguments))])
    yield f"### `{usage}`\n\n{_unfold(command.help or '')}\n"
    yield from _options(shown)


def _options(shown: list[Any]) -> Iterator[str]:
    if shown:
        yield from _table(("option", "meaning"), ((f"`{_spelling(p)}`", (p.help or "") + _given(p)) for p in shown))


def _argument(param: Any) -> str:
    name = param.metavar or param.name.upper()
    return name if param.required or name.startswith("[") else f"[{name}]"


def _given(param: Any) -> str:
    default = param.default
    return "" if default is None or callable(default) or isinstance(default, bool) else f" Default: `{default}`."


def _spelling(param: Any) -> str:
    if param.param_type_name == "argument":
        return str(_argument(param))
    value = "" if param.is_flag else f" {param.metavar or param.type.name.upper()}"
    return ", ".join(param.opts) + value


def metadata() -> Iterator[str]:
    """What a user can say about a job."""
    yield "# What a user says about a job\n"
    yield "Sent with `ray job submit --metadata-json`, or by `spillover.job_metadata(...)`. Values are text; all keys"
    yield "are optional; an unknown `spillover/` key is refused with the nearest known one; other metadata passes."
    yield ""
    yield from _table(("key", "meaning"), ((f"`{PREFIX}{name}`", meaning) for name, (_, meaning) in KEYS.items()))


def serve_block() -> Iterator[str]:
    """What a user can say about an application."""
    yield "# What a user says about a served application\n"
    yield "In the block `spillover` of the `runtime_env` of its entry in a Serve config file, where plain Ray Serve"
    yield "accepts and ignores it. All keys are optional; an unknown one is refused with the nearest known one. See"
    yield "[serving applications](../how-to/serve-applications.md)."
    yield ""
    yield from _table(("key", "meaning"), ((f"`{name}`", meaning) for name, (_, _, meaning) in BLOCK_KEYS.items()))


def settings() -> Iterator[str]:
    """Every key of the settings file."""
    yield "# The settings\n"
    yield "One YAML file, checked as a whole by `spillover check`. Each value may also be given by the environment"
    yield "(`SPILLOVER__listen__port=8000`) or on the command line (`spillover up listen.port=8000`): file <"
    yield "environment < command line.\n"
    for title, model in schema.SECTIONS.items():
        yield f"## {title}\n\n{cleandoc(model.__doc__ or '')}\n"
        rows = (
            (f"`{f.alias or name}`", _kind(name, f.annotation), _default(name, f), f.description)
            for name, f in model.model_fields.items()
        )
        yield from _table(("key", "value", "default", "meaning"), rows)


def _kind(name: str, annotation: Any) -> str:
    if name.endswith("_s"):
        return "duration"
    if name.endswith("_bytes"):
        return "size"
    if get_origin(annotation) is Literal:
        return " or ".join(f"`{choice}`" for choice in get_args(annotation))
    plain = next((a for a in get_args(annotation) if a is not type(None)), annotation)
    known = {str: "text", int: "whole number", float: "number", bool: "`true` or `false`", Path: "file"}
    if get_origin(annotation) in (dict, frozenset):
        return "list" if get_origin(annotation) is frozenset else "mapping"
    return known.get(_innermost(plain), "mapping")


def _innermost(annotation: Any) -> Any:
    """`int` of `Annotated[int, ...]`."""
    return annotation.__origin__ if hasattr(annotation, "__metadata__") else annotation


def _default(name: str, field: Any) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None or value in ("", frozenset(), {}):
        return ""
    if name.endswith("_s"):
        return f"`{show_duration(value)}`"
    if name.endswith("_bytes"):
        return f"`{show_size(value).replace(' ', '')}`"
    return "see below" if hasattr(value, "model_fields_set") else f"`{value}`"


def policies() -> Iterator[str]:
    """Every policy and what can be set of it."""
    yield "# Policies\n"
    yield "Set as `policy: {name: NAME, ...}`. [Which one to choose](../how-to/choose-a-policy.md).\n"
    for name in policy_names():
        yield f"## `{name}`\n\n{describe(name)}\n"
        if rows := list(policy_settings(name)):
            yield from _table(("setting", "default", "meaning"), ((f"`{n}`", d, text) for n, d, text in rows))


def economics() -> Iterator[str]:
    """Every input of `spillover tco` with its range and source."""
    yield "# Inputs of the economics\n"
    yield "What `spillover tco` reckons with, each set by `--set NAME=VALUE` or `--set NAME=LOW:VALUE:HIGH`."
    yield "[What they are used for, and what a basis is](../explanation/economics.md).\n"
    books = [load_book(node) for node in node_types()]
    own = {name for name, figure in books[0].figures.items() if any(b.figures[name] != figure for b in books)}
    for book in books:
        yield f"## `{book.node}`\n\n{book.about}. Rented as {book.rented_as}.\n"
        yield from _figures(figure for name, figure in book.figures.items() if name in own)
    yield "## Of every node type\n"
    yield from _figures(figure for name, figure in books[0].figures.items() if name not in own)
    yield "## What the field quotes\n"
    rows = ((q.meaning, f"{q.low:g}", f"{q.high:g}", q.unit, q.source) for q in load_quoted().values())
    yield from _table(("of", "low", "high", "unit", "source"), rows)


def _figures(figures: Iterator[Figure]) -> Iterator[str]:
    rows = (
        (f"`{f.name}`", f"{f.low:g}", f"{f.value:g}", f"{f.high:g}", f.unit, f"{f.meaning}. {f.basis}: {f.source}")
        for f in figures
    )
    yield from _table(("input", "low", "likeliest", "high", "unit", "what, and from where"), rows)


def backtest() -> Iterator[str]:
    """What traces may hold, how they are exported, and what can be set of the world that they are replayed in."""
    yield "# What a backtest reads and sets\n"
    yield "For [`spillover backtest`](../how-to/backtest.md), `what-if` and `tco`.\n"
    yield "## Columns of CSV and Parquet traces\n"
    yield "In any order and case, one row a job. Of two of the same meaning, that with the first name counts.\n"
    rows = ((f"`{name}`", f.meaning, ", ".join(f"`{a}`" for a in f.aliases)) for name, f in FIELDS.items())
    yield from _table(("column", "meaning", "also called"), rows)
    yield "## Other formats\n"
    exports = (("slurm", slurm), ("kueue", kueue), ("ray", ray_jobs))
    yield from _table(
        ("`--format`", "exported by", "what is taken"),
        (
            (f"`{name}`", f"`{module.COMMAND}`", " ".join((module.read.__doc__ or "").split()))
            for name, module in exports
        ),
    )
    yield "## Price files\n"
    yield "US dollars a GPU-hour, egress a GB; YAML, JSON, or CSV with a row `name,price` each.\n"
    yield from _table(("key", "of the world"), ((f"`{key}`", f"`world.{field}`") for key, field in PRICE_KEYS.items()))
    yield f"## The world\n\n{cleandoc(World.__doc__ or '')}\n"
    yield "Set by `--set world.KEY=VALUE`. Spot zones are read by `--spot-trace`.\n"
    known = ((f"`{f.name}`", _shown(f)) for f in dataclasses.fields(World) if f.name != "spot")
    yield from _table(("key", "default"), known)


def _shown(field: Any) -> str:
    if field.default is dataclasses.MISSING:
        return "see `--nodes`"
    if field.name.endswith("_s"):
        return f"`{show_duration(field.default)}`"
    return "none" if field.default == float("inf") else f"`{field.default}`"


def api() -> Iterator[str]:
    """Every call of Spillover's own API."""
    yield "# Spillover's own API\n"
    yield f"Under `{ROOT}`, beside Ray's Jobs API at its usual paths. A running server shows all of it with schemas at"
    yield f"`{ROOT}/docs`, and as OpenAPI at `{ROOT}/openapi.json`. Lists come as"
    yield '`{"items": [...], "next": ...}`: send `next` as `after` for the page that follows. Errors are plain text.\n'
    for endpoint in ENDPOINTS:
        role = f"the role `{endpoint.least}`" if endpoint.least else "nobody's token: it is open"
        yield f"## `{endpoint.method} {endpoint.path}`\n\n{_unfold(endpoint.text)}\n\nTakes {role}.\n"
        if endpoint.query:
            rows = ((f"`{f.name}`", f.metadata["help"] + _choices(f)) for f in dataclasses.fields(endpoint.query))
            yield from _table(("parameter", "meaning"), rows)


def _choices(field: Any) -> str:
    choices = field.metadata["choices"]
    return f" One of {', '.join(f'`{c}`' for c in choices)}." if choices else ""


def _unfold(text: str) -> str:
    return "\n".join(line.strip() for line in text.splitlines())


def _table(heads: tuple[str, ...], rows: Iterator[tuple[Any, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{'|'.join(' --- ' for _ in heads)}|"
    for row in rows:
        yield f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in row)} |"
    yield ""


if __name__ == "__main__":
    main()
