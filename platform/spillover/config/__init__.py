"""Settings: one file, merged with the environment and the command line, and checked."""

from __future__ import annotations

from ..units import parse_duration, parse_size
from .load import load_settings, pool_token, template
from .schema import (
    AnyPool,
    AttachedPool,
    Defaults,
    LaunchedPool,
    Listen,
    NodeType,
    Packages,
    Policy,
    Settings,
    Team,
)

__all__ = [
    "AnyPool",
    "AttachedPool",
    "Defaults",
    "LaunchedPool",
    "Listen",
    "NodeType",
    "Packages",
    "Policy",
    "Settings",
    "Team",
    "load_settings",
    "parse_duration",
    "parse_size",
    "pool_token",
    "template",
]
