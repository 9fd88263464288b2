"""Which jobs are alike, from the broadest group to the narrowest: what run times are learnt by."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from ..domain.resources import Demand

HOUR_BLOCK = 6
"""Hours of the day in one block: night, morning, afternoon, evening (UTC)."""


class Like(NamedTuple):
    """What is known of a job that others may share with it; blank is unknown.

    `demand` is a size class, `program` an entrypoint without its options, `hour` a block of the day of submission.
    """

    team: str = ""
    user: str = ""
    demand: str = ""
    image: str = ""
    program: str = ""
    entrypoint: str = ""
    hour: str = ""


@dataclass(frozen=True)
class Level:
    """A level of likeness: jobs with the same `fields` form a group.

    A run weighs half as much once `half_life` more have started in its group; the level above counts as `strength`
    runs. `common` says what such runs have in common with a job.
    """

    common: str
    fields: tuple[str, ...]
    half_life: float
    strength: float


_JOB = ("team", "user", "demand", "image", "program")

LEVELS = (
    Level("of any job", (), 2000.0, 1.0),
    Level("of its size", ("demand",), 1000.0, 40.0),
    Level("of its team", ("team",), 500.0, 40.0),
    Level("of its team and size", ("team", "demand"), 200.0, 40.0),
    Level("of its user", ("team", "user"), 200.0, 20.0),
    Level("of its user and size", ("team", "user", "demand", "image"), 100.0, 20.0),
    Level("of its user, size and hour", ("team", "user", "demand", "image", "hour"), 100.0, 40.0),
    Level("of its program", (*_JOB,), 100.0, 10.0),
    Level("of its entrypoint", (*_JOB, "entrypoint"), 100.0, 4.0),
    Level("of its entrypoint", (*_JOB, "entrypoint"), 10.0, 10.0),
)
"""The last level is the one before it with a short memory: runs come in batches, and the newest tell most."""

DEPTH = len(LEVELS)


def like_of(
    team: str,
    user: str,
    demand: Demand,
    submitted_at: float,
    entrypoint: str = "",
    runtime_env: Mapping[str, Any] | None = None,
) -> Like:
    """What others may share with a job that asks for this at that time (Unix seconds)."""
    total = demand.total()
    return Like(
        team=team,
        user=user,
        demand=size_class(total.get("GPU", 0.0), total.get("CPU", 0.0)),
        image=_image(runtime_env or {}),
        program=_program(entrypoint),
        entrypoint=entrypoint,
        hour=hour_block(submitted_at),
    )


def keys(like: Like) -> tuple[object | None, ...]:
    """The job's group by level; None where what is blank leaves nothing that a broader level does not have."""
    present = frozenset(name for name, value in zip(Like._fields, like, strict=True) if value)
    known = like._asdict()
    return tuple(
        (level, *(known[name] for name in LEVELS[level].fields)) if counts else None
        for level, counts in enumerate(levels_with(present))
    )


@lru_cache(maxsize=256)
def levels_with(present: frozenset[str]) -> tuple[bool, ...]:
    """Which levels count if only these fields are known: one that sees no more than a broader one is left out."""
    seen: set[object] = set()
    found = []
    for level in LEVELS:
        sees = (present.intersection(level.fields), level.half_life if level == LEVELS[-1] else 0)
        found.append(sees not in seen)
        seen.add(sees)
    return tuple(found)


def size_class(accelerators: float, cpus: float) -> str:
    """Jobs of a size: accelerators, or CPUs for a job without any, rounded up to a power of two."""
    if accelerators > 0:
        return f"gpu{math.ceil(math.log2(accelerators))}"
    return f"cpu{math.ceil(math.log2(cpus))}" if cpus > 0 else ""


def hour_block(at: float) -> str:
    """The block of the day (UTC) that a Unix time falls in."""
    return str(int(at // 3600 % 24 // HOUR_BLOCK))


def _image(runtime_env: Mapping[str, Any]) -> str:
    container = runtime_env.get("container")
    named = container.get("image", "") if isinstance(container, Mapping) else ""
    return str(runtime_env.get("image_uri") or named or "")


def _program(entrypoint: str) -> str:
    """`python train.py --lr 0.1` and `python train.py --lr 0.2` are the same program."""
    return " ".join(_before_options(entrypoint.split()))


def _before_options(words: Iterable[str]) -> list[str]:
    kept: list[str] = []
    for word in words:
        if word.startswith("-") and len(kept) > 1:
            break
        kept.append(word)
    return kept
