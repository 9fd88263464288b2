"""None run twice at once, and what may not run again does not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations

from .records import Script, Violation
from .runs import Run, by_job


def twice_at_once(runs: Iterable[Run]) -> list[Violation]:
    """Two processes of one job that were alive at the same instant, whatever attempt they belong to."""
    found = []
    for job, mine in by_job(runs).items():
        pairs = [(a, b) for a, b in combinations(mine, 2) if max(a.first, b.first) <= min(a.last, b.last)]
        if pairs:
            first, second = pairs[0]
            found.append(Violation("twice_at_once", job, f"{first}, and {second}"))
    return found


def again(runs: Iterable[Run], scripts: Mapping[str, Script]) -> list[Violation]:
    """A job that is not resumable ran more than once, even if one after the other."""
    return [
        Violation("run_again", job, "; ".join(map(str, mine)))
        for job, mine in by_job(runs).items()
        if len(mine) > 1 and job in scripts and not scripts[job].resumable
    ]
