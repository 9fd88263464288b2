"""What --help prints: every setting with its value, its help and what is allowed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.fields import AtLeast, Choice, Workers, is_group, kinds
from common.sources import file_names, short

WIDEST = 44  # characters of `key=value` before the help moves to the next line


@dataclass(frozen=True)
class Row:
    key: str
    value: str
    help: str


def usage(settings: Any, folder: Path, default: str) -> str:
    """Grouped as the settings are. Values are those that this command line has without --help."""
    module = f"{folder.parent.name}.{Path(sys.argv[0]).stem}"
    what = sys.modules[type(settings).__module__].__doc__ or ""
    names = ", ".join(file_names(folder)) or "none yet"
    how = (
        f"FILE is a path, or the name of one in {short(folder)} ({names}); without it {Path(default).stem} is taken.\n"
        "VALUE is YAML, a list is [a,b]; ${oc.env:NAME} is the environment variable NAME, ${KEY} another setting."
    )
    head = [f"usage: python -m {module} [FILE] [KEY=VALUE ...]", what.strip(), how]
    return "\n\n".join([*head, *_groups(settings)])


def _groups(settings: Any, above: str = "") -> Iterator[str]:
    yield "\n".join([*([above[:-1]] if above else ["settings"]), *map(_line, _rows(settings, above))])
    for f, kind in kinds(type(settings)):
        if is_group(kind):
            yield from _groups(getattr(settings, f.name), f"{above}{f.name}.")


def _rows(settings: Any, above: str) -> Iterator[Row]:
    for f, kind in kinds(type(settings)):
        if not is_group(kind):
            check = f.metadata.get("check")
            allowed = f" ({check})" if isinstance(check, AtLeast | Choice) else ""
            yield Row(f"{above}{f.name}", shown(getattr(settings, f.name)), f.metadata.get("help", "") + allowed)


def _line(row: Row) -> str:
    setting = f"  {row.key}={row.value}"
    return f"{setting:{WIDEST}}  {row.help}" if len(setting) <= WIDEST else f"{setting}\n{'':{WIDEST}}  {row.help}"


def shown(value: Any) -> str:
    """As it would be typed."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{','.join(map(shown, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{k}: {shown(v)}' for k, v in value.items())}}}"
    return str(value) if isinstance(value, str | Workers) else repr(value)
