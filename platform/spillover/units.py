"""Durations, sizes and instants as people write and read them: `90s`, `10min`, `1h30min`, `2GiB`.

The errors say what is wrong with a value without repeating it: the caller knows its name too.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Any

_SECONDS = {"ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"": 1, "B": 1} | {
    prefix + suffix: base**power
    for suffix, base in (("iB", 1024), ("B", 1000))
    for power, prefix in enumerate(("K", "M", "G", "T"), start=1)
}

_NUMBER = r"\d+(?:\.\d+)?"
_SPAN = re.compile(rf"({_NUMBER})\s*(d|h|min|ms|m|s)\s*")
_SPANS = re.compile(rf"(?:{_SPAN.pattern})+")
_SIZE = re.compile(rf"({_NUMBER})\s*([KMGT]?i?B|)")


def parse_duration(value: Any) -> float:
    """Seconds of `500ms`, `90s`, `10min`, `1h30min`, `2d` or a bare number of seconds. Raises ValueError."""
    seconds = _bare_number(value)
    if seconds is not None:
        return seconds
    text = str(value).strip()
    if not _SPANS.fullmatch(text):
        raise ValueError("is no duration; write seconds, or '90s', '10min', '2h', '1d'")
    return sum(float(number) * _SECONDS[unit] for number, unit in _SPAN.findall(text))


def parse_size(value: Any) -> int:
    """Bytes of `2GiB`, `100MiB`, `5GB` or a bare number of bytes. Raises ValueError."""
    size = _bare_number(value)
    if size is not None:
        return int(size)
    match = _SIZE.fullmatch(str(value).strip())
    if not match or match.group(2) not in _BYTES:
        raise ValueError("is no size; write bytes, or '100MiB', '2GiB'")
    return int(float(match.group(1)) * _BYTES[match.group(2)])


def parse_amount(value: Any) -> float:
    """How much of a resource: a number, or a size (`memory: 16GiB`). Raises ValueError."""
    try:
        return float(parse_size(value)) if isinstance(value, str) and value.endswith("B") else _number(value)
    except ValueError:
        raise ValueError("is no amount; write a number such as 4 or 0.5, or a size such as '16GiB'") from None


def _number(value: Any) -> float:
    number = _bare_number(value)
    if number is None:
        raise ValueError
    return number


def _bare_number(value: Any) -> float | None:
    """The number if `value` is a finite one of zero or more; YAML's `true` is no number although Python's is."""
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and number >= 0 else None


def parse_instant(value: str) -> float:
    """Unix seconds of ISO 8601; UTC where no zone is given. Raises ValueError."""
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("is no time; write it as '2026-12-01T08:00Z'") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def show_instant(at: float) -> str:
    """`2026-12-01 08:00 UTC`."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


def show_duration(seconds: float) -> str:
    """`45s`, `3m12s`, `2h05m`, `3d04h`."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02d}h"


def show_size(size_bytes: float) -> str:
    """`1.5 GiB`."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size_bytes < 1024:
            return f"{size_bytes:.4g} {unit}"
        size_bytes /= 1024
    return f"{size_bytes:.4g} TiB"
