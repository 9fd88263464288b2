"""The values of the `spillover` block. YAML gives numbers, text and lists; readers raise ValueError with the remedy."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ...domain.pool import Market
from ...domain.resources import parse_bundles
from ...domain.serving import Replicas
from ...units import parse_duration, parse_size
from ..metadata import PRIORITIES

_RANGE = re.compile(r"(\d{1,4})(?:\s*[-:]\s*(\d{1,4}))?")
_BASE = 60  # of the numbers as which YAML 1.1 reads an unquoted 1:2


def replicas(value: Any) -> Replicas:
    """`1-2`, `1:2` in quotes, or `1` for exactly one."""
    if isinstance(value, int) and value >= _BASE:
        least, most = divmod(value, _BASE)
        exactly = f"or '{value}-{value}' if exactly so many are meant"
        raise ValueError(f"{value} is what YAML makes of an unquoted {least}:{most}; write '{least}-{most}', {exactly}")
    match = _RANGE.fullmatch(str(value).strip())
    if isinstance(value, bool) or not match:
        raise ValueError(f"{value!r} is no number of replicas; write '1-2' for one to two, or 1")
    least = int(match[1])
    most = int(match[2]) if match[2] else least
    if least > most:
        raise ValueError(f"{value!r} has more at least than at most; write '{most}-{least}'")
    return Replicas(least, most)


def duration(value: Any) -> float:
    """Seconds."""
    return _quoting(parse_duration, value)


def positive(value: Any) -> float:
    """Seconds, more than none."""
    seconds = duration(value)
    if seconds <= 0:
        raise ValueError(f"{value!r} is no time at all")
    return seconds


def size(value: Any) -> int:
    """Bytes, at least one."""
    size_bytes = int(_quoting(parse_size, value))
    if size_bytes < 1:
        raise ValueError(f"{value!r} lets no request in; write '1MiB'")
    return size_bytes


def whole(value: Any) -> int:
    """A whole number from 1 on."""
    text = str(value).strip()
    if isinstance(value, bool) or not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= 10**6:
        raise ValueError(f"{value!r} is no number of requests; write a whole number from 1 on")
    return int(text)


def retry(value: Any) -> bool:
    """Whether it is `safe`."""
    if value not in ("safe", "never"):
        raise ValueError(f"{value!r} is neither 'safe' nor 'never'")
    return bool(value == "safe")


def demand(value: Any) -> str:
    """Bundles, as text."""
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no gang; write bundles such as '2x{{CPU:1}}', in quotes")  # noqa: TRY004
    parse_bundles(value)
    return value


def names(value: Any) -> tuple[str, ...]:
    """A list, or text that is parted by commas."""
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise ValueError(f"{value!r} is no list of names; write 'onprem,aws', or a list")
    found = tuple(part.strip() for part in parts if part.strip())
    if not found:
        raise ValueError("it is empty; leave the key out instead")
    return found


def markets(value: Any) -> tuple[str, ...]:
    """Names of markets."""
    found = names(value)
    unknown = [name for name in found if name not in set(Market)]
    if unknown:
        raise ValueError(f"'{unknown[0]}' is not a market; there are {', '.join(Market)}")
    return found


def priority(value: Any) -> int:
    """By name, or -1000 to 1000."""
    if isinstance(value, str) and value in PRIORITIES:
        return PRIORITIES[value]
    whole_number = re.fullmatch(r"-?\d{1,4}", str(value)) and not isinstance(value, bool)
    if not whole_number or abs(int(value)) > 1000:
        raise ValueError(f"{value!r} is not a priority; write low, normal, high or a whole number from -1000 to 1000")
    return int(value)


def word(value: Any) -> str:
    """Text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{value!r} is no name")
    return value.strip()


def written(key: str, value: Any) -> Any:
    """The value as it stands in a block, from what was read of it."""
    if isinstance(value, Replicas):
        return f"{value.least}-{value.most}"
    if isinstance(value, tuple):
        return list(value)
    if key == "retry":
        return "safe" if value else "never"
    return f"{value:f}".rstrip("0").rstrip(".") + "s" if isinstance(value, float) else value


def _quoting(read: Callable[[Any], float], value: Any) -> float:
    try:
        return read(value)
    except ValueError as error:
        raise ValueError(f"{value!r} {error}") from None
