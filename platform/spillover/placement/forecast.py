"""How long jobs run, and when a waiting one may expect to start."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

UNKNOWN = "run time unknown"
"""How the source of a run time begins when it is assumed, not known."""

LIKE_JOBS = 20
"""How many of the newest like jobs a run time is learnt from."""

_LEAST_REMAINING_S = 5.0


def expected_runtime(hint_s: float | None, history: Sequence[float], default_s: float) -> tuple[float, str]:
    """Seconds that a job is expected to run, and where the figure comes from.

    The user's hint, else the mean run time of like jobs, else `default_s`, which is then said to be assumed.
    """
    if hint_s is not None:
        return hint_s, "the job's own hint"
    if history:
        return sum(history) / len(history), f"mean of {len(history)} like job{'s' if len(history) > 1 else ''}"
    return default_s, f"{UNKNOWN}, {span(default_s)} assumed"


def remaining_s(ends_at: float, now: float) -> float:
    """Seconds that live work is still expected to take.

    A job that is overdue by x seconds is expected to take x seconds more (at least 5): run times have long tails,
    and the longer a job has outlived its forecast, the less "any moment now" can be believed.
    """
    return max(ends_at - now, now - ends_at, _LEAST_REMAINING_S)


def span(seconds: float) -> str:
    """A duration for people: `40 s`, `3 min`, `1.5 h`, `2 d`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    if seconds < 172_800:
        return _tenths(round(seconds / 360), "h")
    return _tenths(round(seconds / 8640), "d")


@lru_cache(maxsize=2048)
def _tenths(tenths: int, unit: str) -> str:
    return f"{tenths / 10:g} {unit}"
