"""From a file, the environment and the command line to checked settings, or to every mistake at once."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from pydantic import ValidationError

from ..errors import SettingsError
from .checks import prepare, warnings
from .findings import Finding, told
from .mistakes import Mistake, told_once
from .parts import Parts, parts_of, whole
from .pydantic_errors import mistakes_in
from .schema import AnyPool, Settings
from .source import Source, read_source

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reading:
    """The settings as they were read: `settings` where nothing is wrong, else `parts`, and what is wrong."""

    source: Source
    settings: Settings | None
    parts: Parts
    mistakes: Sequence[Mistake]

    def told(self, more: Iterable[Mistake] = ()) -> list[Finding]:
        """All mistakes and warnings, with those that a closer look has found."""
        return told([*self.mistakes, *more], self.source)


def read_settings(path: str | Path, overrides: Sequence[str] = (), environ: Mapping[str, str] | None = None) -> Reading:
    """Read and check. `overrides` are `key=value`."""
    environ = os.environ if environ is None else environ
    source = read_source(Path(path).expanduser(), overrides, environ)
    if not source.readable:
        return Reading(source, None, Parts(), source.mistakes)
    mistakes = [*source.mistakes, *prepare(source, environ), *_in_clusters(source)]
    settings = None
    try:
        settings = Settings.model_validate(source.tree)
    except ValidationError as error:
        known = {m.path for m in mistakes if m.path and not (m.at or m.warning)}
        mistakes += [m for m in mistakes_in(error) if m.path not in known]
    parts = whole(settings) if settings else parts_of(source.tree)
    wrong = any(not m.warning for m in mistakes)
    return Reading(source, None if wrong else settings, parts, [*mistakes, *warnings(parts.pools)])


def load_settings(
    path: str | Path, overrides: Sequence[str] = (), environ: Mapping[str, str] | None = None
) -> Settings:
    """Load and check. Raises SettingsError with one line for each mistake; warnings are logged."""
    reading = read_settings(path, overrides, environ)
    findings = reading.told()
    if reading.settings is None:
        raise SettingsError([str(f) for f in findings if not f.warning])
    for finding in findings:
        _log.warning(str(finding))
    return reading.settings


def _in_clusters(source: Source) -> Iterator[Mistake]:
    if source.clusters:
        # Here, since settings without a launched pool need no schema
        from .ray_rules import rule_mistakes  # noqa: PLC0415
        from .ray_schema import schema_mistakes  # noqa: PLC0415

        for cluster in source.clusters.values():
            yield from told_once([*schema_mistakes(cluster), *rule_mistakes(cluster)])


def template() -> Path:
    """The commented settings file to start from; the cluster YAML that it names lies beside it."""
    return Path(str(files("spillover"))) / "data" / "settings.yaml"


def pool_token(pool: AnyPool, environ: Mapping[str, str] | None = None) -> str | None:
    """The token that the pool's own cluster asks for, if the settings name one."""
    if pool.token_file is not None:
        return pool.token_file.read_text().strip()
    if pool.token_env is not None:
        return (os.environ if environ is None else environ)[pool.token_env].strip()
    return None
