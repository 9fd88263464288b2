"""Settings of a served application: the `args` of its entry in a Serve config, or `key=value` after `serve run`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from omegaconf import OmegaConf

from common.fields import plain
from common.sources import Sources
from common.values import Reader

T = TypeVar("T")


def arguments(cls: type[T], values: Mapping[str, Any]) -> T:
    """A frozen dataclass of settings (see common.settings). Raises ValueError with every mistake, one a line."""
    sources = Sources(OmegaConf.create(plain(cls())))
    for name, value in values.items():
        sources.override(f"{name}={json.dumps(value)}")
    reader = Reader(cls, sources)
    settings: T = reader.group(cls, sources.plain())
    if reader.mistakes:
        lines = (": ".join(part for part in (f"args.{m.key}".rstrip("."), m.what) if part) for m in reader.mistakes)
        raise ValueError("\n".join(lines))
    return settings
