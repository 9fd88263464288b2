"""Settings of a job: frozen dataclasses, filled from a YAML file and from `key=value` of the command line.

    settings = load(Settings, sys.argv[1:], Path(__file__).parent / "settings")

Every field has a default and a line of help (`said`), which --help prints. A dataclass may have a method
`check(self) -> None` that raises ValueError where values do not fit together.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TypeVar

from omegaconf import OmegaConf

from common.fields import AtLeast, Choice, Workers, plain, said
from common.sources import COMMAND_LINE, Mistake, Sources, find_file
from common.usage import usage
from common.values import Reader

__all__ = ["AtLeast", "Choice", "Workers", "load", "said"]

T = TypeVar("T")


def load(cls: type[T], argv: list[str], folder: Path, default: str = "default.yaml") -> T:
    """The settings of this command line. Prints all mistakes at once and exits with 2."""
    wants_help = not {"-h", "--help"}.isdisjoint(argv)
    reader = Reader(cls, _sources(cls, [a for a in argv if a not in ("-h", "--help")], folder, default))
    settings: T = reader.group(cls, reader.sources.plain())
    if wants_help:
        print(usage(cls() if reader.mistakes else settings, folder, default))
        raise SystemExit(0)
    if reader.mistakes:
        print(*reader.mistakes, sep="\n", file=sys.stderr)
        count = "1 mistake" if len(reader.mistakes) == 1 else f"{len(reader.mistakes)} mistakes"
        print(f"failed: {count} in the settings; --help prints all that there are", file=sys.stderr, flush=True)
        raise SystemExit(2)
    return settings


def _sources(cls: type, argv: list[str], folder: Path, default: str) -> Sources:
    sources = Sources(OmegaConf.create(plain(cls())))
    files, wrong = _named_files(argv)
    if len(files) > 1:
        wrong.append(f"there can be one settings file, not {', '.join(files)}; what it lacks is written key=value")
    sources.mistakes += [Mistake(COMMAND_LINE, "", what) for what in wrong]
    _read(sources, files, folder, default)
    for argument in argv:
        if "=" in argument and not argument.startswith("-"):
            sources.override(argument)
    return sources


def _named_files(argv: list[str]) -> tuple[list[str], list[str]]:
    """The arguments that name a file, and what is wrong with those that look like options."""
    files, wrong, option = [], [], ""
    for argument in [*argv, "-"]:
        is_plain = "=" not in argument and not argument.startswith("-")
        if option:
            setting = f"{option.lstrip('-')}={argument}" if is_plain else option.lstrip("-")
            wrong.append(f"'{option}': settings are written key=value, without dashes: {setting}")
        elif is_plain:
            files.append(argument)
        option = argument if argument.startswith("-") else ""
    return files, wrong


def _read(sources: Sources, files: list[str], folder: Path, default: str) -> None:
    if not files and not (folder / default).is_file():  # the dataclasses have defaults of their own
        return
    try:
        sources.read_file(find_file(files[0] if files else default, folder))
    except ValueError as error:
        sources.mistakes.append(Mistake(COMMAND_LINE, "", str(error)))
