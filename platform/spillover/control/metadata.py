"""What a user says about a job: the `spillover/` keys of its metadata."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..domain.data import parse_data
from ..domain.job import Hints
from ..domain.pool import Market
from ..domain.resources import Resources, parse_bundles
from ..errors import BadRequest
from ..units import parse_duration, parse_instant

PREFIX = "spillover/"
PRIORITIES = {"low": -100, "normal": 0, "high": 100}


@dataclass(frozen=True)
class Said:
    """The metadata, read. Empty or None: not said."""

    bundles: tuple[tuple[int, Resources], ...] = ()
    hints: Hints = field(default_factory=Hints)
    priority: int = 0
    team: str | None = None


def _quoting(read: Callable[[str], float], text: str) -> float:
    try:
        return read(text)
    except ValueError as error:
        raise ValueError(f"'{text}' {error}") from None


def _positive(text: str) -> float:
    seconds = _quoting(parse_duration, text)
    if seconds <= 0:
        raise ValueError(f"'{text}' is no time at all")
    return seconds


def _instant(text: str) -> float:
    return _quoting(parse_instant, text)


def _priority(text: str) -> int:
    if text in PRIORITIES:
        return PRIORITIES[text]
    try:
        value = int(text)
    except ValueError:
        value = 10**9
    if not -1000 <= value <= 1000:
        raise ValueError(f"'{text}' is not a priority; write low, normal, high or a whole number from -1000 to 1000")
    return value


def _boolean(text: str) -> bool:
    if text not in {"true", "false"}:
        raise ValueError(f"'{text}' is neither 'true' nor 'false'")
    return text == "true"


def _names(text: str) -> tuple[str, ...]:
    names = tuple(part.strip() for part in text.split(",") if part.strip())
    if not names:
        raise ValueError("it is empty; leave the key out instead")
    return names


def _markets(text: str) -> tuple[str, ...]:
    names = _names(text)
    unknown = [name for name in names if name not in set(Market)]
    if unknown:
        raise ValueError(f"'{unknown[0]}' is not a market; there are {', '.join(Market)}")
    return names


# Key, reader, meaning. docs/reference lists them from here.
KEYS: dict[str, tuple[Callable[[str], object], str]] = {
    "workers": (parse_bundles, "the gang, with its shape: `4x{GPU:2,CPU:16}`"),
    "runtime": (_positive, "expected run time, for the forecast: `2h`"),
    "max-runtime": (_positive, "hard stop, and the worst case for budgets: `6h`"),
    "deadline": (_instant, "must be done by then: `2026-12-01T08:00Z`"),
    "priority": (_priority, "`low`, `normal`, `high` or -1000 to 1000"),
    "team": (str, "the account that pays"),
    "pools": (_names, "pools where it may run: `onprem,aws`"),
    "regions": (_names, "regions where it may run: `eu`"),
    "markets": (_markets, "markets where it may run: `spot,on_demand`"),
    "needs": (_names, "what the pool must provide: `nfs:/data,internet`"),
    "data": (
        parse_data,
        "where its data lives and how much there is, for transfer time and egress: `s3://bucket/set=120GB`",
    ),
    "resumable": (_boolean, "`true`: it checkpoints and may be moved or run again"),
}


def read_metadata(metadata: Mapping[str, str]) -> Said:
    """Read the `spillover/` keys; others pass through untouched. Raises BadRequest that names every mistake."""
    values: dict[str, object] = {}
    mistakes: list[str] = []
    for key, text in metadata.items():
        if not key.startswith(PREFIX):
            continue
        try:
            values[key] = _reader(key)(text)
        except ValueError as error:
            mistakes.append(f"metadata {key}: {error}" if key[len(PREFIX) :] in KEYS else str(error))
    if mistakes:
        raise BadRequest("; ".join(mistakes))
    return _said(values)


def _reader(key: str) -> Callable[[str], object]:
    name = key[len(PREFIX) :]
    if name not in KEYS:
        near = difflib.get_close_matches(name, KEYS, n=1, cutoff=0.0)
        raise ValueError(f"unknown metadata key '{key}'; did you mean '{PREFIX}{near[0]}'?")
    return KEYS[name][0]


def _said(values: Mapping[str, object]) -> Said:
    def get(name: str, default: object = None) -> object:
        return values.get(PREFIX + name, default)

    hints = Hints(
        runtime_s=get("runtime"),  # type: ignore[arg-type]  # the readers above give these types
        max_runtime_s=get("max-runtime"),  # type: ignore[arg-type]
        deadline_at=get("deadline"),  # type: ignore[arg-type]
        pools=get("pools", ()),  # type: ignore[arg-type]
        regions=get("regions", ()),  # type: ignore[arg-type]
        markets=get("markets", ()),  # type: ignore[arg-type]
        needs=get("needs", ()),  # type: ignore[arg-type]
        resumable=bool(get("resumable", False)),
        data=get("data"),  # type: ignore[arg-type]
    )
    return Said(
        bundles=get("workers", ()),  # type: ignore[arg-type]
        hints=hints,
        priority=get("priority", 0),  # type: ignore[arg-type]
        team=get("team"),  # type: ignore[arg-type]
    )
