"""Settings: one file, merged with the environment and the command line, and checked."""

from __future__ import annotations

from ..units import parse_duration, parse_size
from .cluster_file import ClusterFile
from .findings import Finding
from .load import Reading, load_settings, pool_token, read_settings, template
from .mistakes import Mistake, nearest, warn
from .parts import Parts
from .schema import (
    AnyPool,
    AttachedPool,
    Defaults,
    LaunchedPool,
    Listen,
    NodeType,
    Packages,
    Policy,
    Serving,
    Settings,
    Team,
    Tls,
)

__all__ = [
    "AnyPool",
    "AttachedPool",
    "ClusterFile",
    "Defaults",
    "Finding",
    "LaunchedPool",
    "Listen",
    "Mistake",
    "NodeType",
    "Packages",
    "Parts",
    "Policy",
    "Reading",
    "Serving",
    "Settings",
    "Team",
    "Tls",
    "load_settings",
    "nearest",
    "parse_duration",
    "parse_size",
    "pool_token",
    "read_settings",
    "template",
    "warn",
]
