"""Numbers and times as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ..units import show_duration

NOTHING = "-"
_NOT_COUNTED = ("memory", "object_store_memory")
_GIB = 1024.0**3


def age(seconds: float | None) -> str:
    """`45s`, `3m12s`, `2h05m`, `3d04h`."""
    return NOTHING if seconds is None else show_duration(seconds)


def clock(at: float | None) -> str:
    """`2026-11-23 16:30:05Z`."""
    return NOTHING if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def ago(at: float | None, now: float) -> str:
    """`3m12s ago`, `in 3m12s`."""
    if at is None:
        return NOTHING
    return f"in {age(at - now)}" if at > now else f"{age(now - at)} ago"


def dollars(usd: float | None) -> str:
    """`$0.0312`, `$1,204.50`: four decimals below a dollar, where cents would hide the difference."""
    if usd is None:
        return NOTHING
    sign, usd = ("-" if usd < 0 else ""), abs(usd)
    return f"{sign}${usd:.4f}" if usd < 1 else f"{sign}${usd:,.2f}"


def amounts(resources: Mapping[str, float]) -> str:
    """`CPU 4, GPU 1, memory 16 GiB`; without what Ray adds for itself."""
    shown = {k: v for k, v in resources.items() if v and not k.startswith("node:") and k != "object_store_memory"}
    return ", ".join(f"{k} {v / _GIB:.3g} GiB" if k == "memory" else f"{k} {v:g}" for k, v in shown.items()) or NOTHING


def used_of(used: Mapping[str, float], total: Mapping[str, float]) -> str:
    """`CPU 3/4, GPU 0/1`: what can be counted by eye; memory is left out."""
    names = [k for k, v in total.items() if v and k not in _NOT_COUNTED and not k.startswith("node:")]
    return ", ".join(f"{k} {used.get(k, 0.0):g}/{total[k]:g}" for k in names) or NOTHING


def plain(value: Any) -> str:
    """Text that came from others: control characters could redraw the terminal."""
    if value is None or value == "":
        return NOTHING
    return "".join(c if c.isprintable() else " " for c in str(value))
