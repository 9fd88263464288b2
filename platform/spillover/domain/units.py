"""Durations, sizes and instants as people write and read them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_SECONDS = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_BYTES = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}
_PART = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)")


def parse_duration(text: str | float) -> float:
    """Seconds from `90`, `90s`, `10min`, `2h`, `1h30m`, `1d`. Raises ValueError."""
    return _parse(str(text), _SECONDS, "s", "a duration; write '90s', '10min', '2h' or '1d'")


def parse_size(text: str | float) -> int:
    """Bytes from `100MiB`, `2GiB`, `1.5GB` or a plain number. Raises ValueError."""
    return int(_parse(str(text), _BYTES, "B", "a size; write '100MiB' or '2GiB'"))


def _parse(text: str, units: dict[str, float] | dict[str, int], bare: str, wanted: str) -> float:
    total, rest = 0.0, text.strip()
    if not rest:
        raise ValueError(f"'{text}' is not {wanted}")
    while rest:
        match = _PART.match(rest)
        if not match or (match.group(2) or bare) not in units:
            raise ValueError(f"'{text}' is not {wanted}")
        total += float(match.group(1)) * units[match.group(2) or bare]
        rest = rest[match.end() :].strip()
    return total


def parse_instant(text: str) -> float:
    """Unix seconds from ISO 8601; UTC where no zone is given. Raises ValueError."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"'{text}' is not a time; write it as '2026-12-01T08:00Z'") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def show_duration(seconds: float) -> str:
    """`45s`, `3m12s`, `2h05m`, `3d04h`."""
    whole = round(max(0.0, seconds))
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


def show_clock(at: float) -> str:
    """`14:32:10 UTC`."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S UTC")
