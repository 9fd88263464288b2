"""From a file, the environment and the command line to checked settings, or to every mistake at once."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from pydantic import ValidationError

from ..errors import SettingsError
from .checks import prepare, warnings
from .mistakes import told
from .pydantic_errors import mistakes_in
from .schema import AnyPool, Settings
from .source import read_source

_log = logging.getLogger(__name__)


def load_settings(
    path: str | Path, overrides: Sequence[str] = (), environ: Mapping[str, str] | None = None
) -> Settings:
    """Load and check. `overrides` are `key=value`. Raises SettingsError with one line for each mistake."""
    file, environ = Path(path).expanduser(), os.environ if environ is None else environ
    if not file.is_file():
        raise SettingsError([f"{path}: there is no such settings file; copy {template()} and change it"])
    source = read_source(file, overrides, environ)
    mistakes = [*source.mistakes, *prepare(source, environ)]
    try:
        settings = Settings.model_validate(source.tree)
    except ValidationError as error:
        known = {m.path for m in mistakes if m.path}
        mistakes += [m for m in mistakes_in(error) if m.path not in known]
    if mistakes:
        raise SettingsError(told(mistakes, source))
    for text in warnings(settings):
        _log.warning(text)
    return settings


def template() -> Path:
    """The commented settings file to start from."""
    return Path(str(files("spillover"))) / "data" / "settings.yaml"


def pool_token(pool: AnyPool, environ: Mapping[str, str] | None = None) -> str | None:
    """The token that the pool's own cluster asks for, if the settings name one."""
    if pool.token_file is not None:
        return pool.token_file.read_text().strip()
    if pool.token_env is not None:
        return (os.environ if environ is None else environ)[pool.token_env].strip()
    return None
