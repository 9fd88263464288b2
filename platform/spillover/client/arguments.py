"""Typed arguments as the text that goes over the wire. All raise ValueError that says what would be right."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, TypeAlias, TypeVar

from ..domain.data import parse_data
from ..domain.pool import Market
from ..domain.resources import Resources, parse_bundles
from ..errors import BadArgument
from ..units import parse_amount, parse_duration, parse_instant

T = TypeVar("T")

Shape: TypeAlias = Mapping[str, float | str]
Workers: TypeAlias = str | Shape | Sequence[tuple[int, Shape]]
Duration: TypeAlias = timedelta | float | str
Names: TypeAlias = str | Iterable[str]

_GANG = "write '4x{GPU:2,CPU:16}', {'GPU': 2, 'CPU': 16}, or [(4, {'GPU': 2, 'CPU': 16})]"
_PRIORITIES = ("low", "normal", "high")


def workers_text(workers: Workers) -> str:
    """`4x{GPU:2,CPU:16}` of that text, of one bundle, or of (count, bundle) pairs. Amounts may be sizes: `16GiB`."""
    if isinstance(workers, str):
        parse_bundles(workers)
        return workers
    if isinstance(workers, Mapping):
        return workers_text([(1, workers)])
    pairs = [_pair(pair) for pair in workers] if isinstance(workers, Iterable) else []
    if not pairs:
        raise ValueError(f"{workers!r} is no gang; {_GANG}")
    text = "+".join(f"{count}x{{{_items(shape)}}}" for count, shape in pairs)
    if parse_bundles(text) != tuple((count, Resources(shape)) for count, shape in pairs):
        raise ValueError(f"{workers!r} names a resource with one of ' {{}}:,+' in it, which a gang's text cannot say")
    return text


def _items(shape: Mapping[str, float]) -> str:
    return ",".join(f"{name}:{number_text(amount)}" for name, amount in shape.items())


def _pair(pair: Any) -> tuple[int, dict[str, float]]:
    count, shape = pair if isinstance(pair, Sequence) and len(pair) == 2 else (None, None)
    if not isinstance(count, int) or isinstance(count, bool) or not isinstance(shape, Mapping):
        raise ValueError(f"{pair!r} is no bundle with its count; {_GANG}")  # noqa: TRY004  # one kind for all mistakes
    return count, {str(name): _amount(name, amount) for name, amount in shape.items()}


def _amount(name: object, amount: Any) -> float:
    try:
        return parse_amount(amount)
    except ValueError as error:
        raise ValueError(f"{name} {amount!r} {error}") from None


def number_text(number: float) -> str:
    """A number that reads back as the same one."""
    return str(int(number)) if math.isfinite(number) and number == int(number) else repr(float(number))


def seconds_of(duration: Duration) -> float:
    """Seconds of a timedelta, of a number of seconds, or of text such as `2h`. At least zero."""
    value = duration.total_seconds() if isinstance(duration, timedelta) else duration
    try:
        return parse_duration(value)
    except ValueError:
        raise ValueError(f"{duration!r} is no duration; write a timedelta, seconds, or '90s', '10min', '2h'") from None


def duration_text(duration: Duration) -> str:
    """A duration that is longer than nothing; text is kept as it is."""
    seconds = seconds_of(duration)
    if seconds <= 0:
        raise ValueError(f"{duration!r} is no time at all")
    return duration if isinstance(duration, str) else number_text(seconds)


def instant_text(moment: datetime | str) -> str:
    """ISO 8601 of a moment that says its time zone; text is kept as it is, and is UTC where it names no zone."""
    if isinstance(moment, datetime):
        return _aware(moment).isoformat()
    if not isinstance(moment, str):
        raise ValueError(f"{moment!r} is no moment; write a datetime, or '2026-12-01T08:00Z'")  # noqa: TRY004
    try:
        parse_instant(moment)
    except ValueError as error:
        raise ValueError(f"'{moment}' {error}") from None
    return moment


def _aware(moment: datetime) -> datetime:
    if moment.utcoffset() is None:
        raise ValueError(f"{moment!r} says no time zone; write tzinfo=UTC, or .astimezone() for this machine's")
    return moment


def unix_text(moment: datetime | float) -> str:
    """Unix seconds of a moment that says its time zone, or of a number of them."""
    return number_text(_aware(moment).timestamp() if isinstance(moment, datetime) else moment)


def day_text(day: date | str) -> str:
    """`2026-12-01` of a day. Bills are by whole UTC days."""
    if isinstance(day, datetime):
        raise ValueError(  # noqa: TRY004  # a moment is a date to Python, too
            f"{day!r} is a moment; bills are by whole UTC days: write .date(), or 'YYYY-MM-DD'"
        )
    return day.isoformat() if isinstance(day, date) else day


def priority_text(priority: int | str) -> str:
    """`low`, `normal`, `high`, or a whole number from -1000 to 1000."""
    text = str(priority)
    if text in _PRIORITIES:
        return text
    whole = text.removeprefix("-").isdecimal() and text.isascii()
    if isinstance(priority, bool) or not whole or abs(int(text)) > 1000:
        raise ValueError(f"{priority!r} is no priority; write 'low', 'normal', 'high', or -1000 to 1000")
    return text


def names_text(names: Names) -> str:
    """`onprem,aws` of that text, or of several names."""
    if not isinstance(names, Iterable):
        raise ValueError(f"{names!r} is no list of names; write ['onprem', 'aws'] or 'onprem,aws'")  # noqa: TRY004
    found = names.split(",") if isinstance(names, str) else [str(name) for name in names]
    if not any(name.strip() for name in found):
        raise ValueError(f"{names!r} names nothing; leave it out instead")
    for name in found:
        if not isinstance(names, str) and ("," in name or not name.strip()):
            raise ValueError(f"{name!r} is no name; names have no commas in them")
    return ",".join(name.strip() for name in found if name.strip())


def markets_text(names: Names) -> str:
    """Names of markets."""
    text = names_text(names)
    for name in text.split(","):
        if name not in set(Market):
            near = difflib.get_close_matches(name, Market, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(Market)}"
            raise ValueError(f"'{name}' is no market; {hint}")
    return text


def word(text: str) -> str:
    """Text that is not empty."""
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"{text!r} says nothing; write text, or leave it out")
    return text


def data_text(text: str) -> str:
    """`s3://bucket/set=120GB`: where data lives, and how much there is."""
    parse_data(word(text))
    return text


def boolean_text(value: bool) -> str:  # noqa: FBT001  # it is what is turned into text
    """`true` or `false`."""
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is neither True nor False")  # noqa: TRY004
    return "true" if value else "false"


def argument(name: str, write: Callable[[Any], T], value: Any) -> T | None:
    """The argument as it is sent; None stays None. Raises BadArgument that names it."""
    if value is None:
        return None
    try:
        return write(value)
    except ValueError as error:
        raise BadArgument(f"{name}: {error}") from None
