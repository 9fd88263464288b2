"""What became of each request, and what all of them come to."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path


@dataclass(frozen=True)
class Sent:
    """One request. `at` is when it was to be sent (Unix seconds); the other times are seconds after that.

    A request that had to wait for the generator or a connection was not any faster for it: all times count from when it
    was due. `status` is 0 without an answer, `error` "" if all went well. `pool` is who served it, by the answer's header.
    `safe`: it may be sent again, whatever became of it.
    """

    at: float
    name: str
    safe: bool
    sent_s: float
    first_s: float | None
    total_s: float
    status: int
    error: str = ""
    pool: str = ""

    @property
    def well(self) -> bool:
        return not self.error

    @property
    def end(self) -> float:
        """When it was over (Unix seconds)."""
        return self.at + self.total_s


@dataclass(frozen=True)
class Summary:
    """Of many requests. Latencies (s) are those of requests that went well, None if none did.

    `lag_p99_s` is how late the generator was: where it is not small, the generator is what was measured.
    """

    requests: int
    per_s: float
    p50_s: float | None
    p90_s: float | None
    p99_s: float | None
    failed: int
    failed_safe: int
    kinds: Mapping[str, int]
    by_pool: Mapping[str, int]
    lag_p99_s: float | None


def summary(sent: Sequence[Sent], seconds: float) -> Summary:
    """What requests of so many seconds come to; `per_s` counts those that went well."""
    well = [each for each in sent if each.well]
    took = sorted(each.total_s for each in well)
    failed = [each for each in sent if not each.well]
    return Summary(
        requests=len(sent),
        per_s=len(well) / seconds,
        p50_s=percentile(took, 0.5),
        p90_s=percentile(took, 0.9),
        p99_s=percentile(took, 0.99),
        failed=len(failed),
        failed_safe=sum(each.safe for each in failed),
        kinds=dict(Counter(each.error for each in failed).most_common()),
        by_pool=dict(Counter(each.pool for each in well).most_common()),
        lag_p99_s=percentile(sorted(each.sent_s for each in sent), 0.99),
    )


def percentile(ascending: Sequence[float], share: float) -> float | None:
    """The smallest of them that at least that share is not above; None of none. They must be sorted."""
    if not ascending:
        return None
    return ascending[max(0, math.ceil(share * len(ascending)) - 1)]


def within(sent: Sequence[Sent], limit_s: float) -> float:
    """The share that went well within the limit: a request that failed was not in time. 0 of none."""
    return sum(each.well and each.total_s <= limit_s for each in sent) / len(sent) if sent else 0.0


def by_second(sent: Iterable[Sent], began: float) -> dict[int, list[Sent]]:
    """Requests by the second after `began` in which they were due."""
    found: dict[int, list[Sent]] = {}
    for each in sent:
        found.setdefault(math.floor(each.at - began), []).append(each)
    return dict(sorted(found.items()))


def longest_gap(sent: Sequence[Sent], begin: float, end: float) -> float:
    """The longest time (s) between two of: the beginning, each good answer, the end."""
    good = sorted(each.end for each in sent if each.well and begin <= each.end <= end)
    return max(after - before for before, after in pairwise([begin, *good, end]))


def recovered(sent: Sequence[Sent], event: float) -> float:
    """Seconds from the event until the last request that failed because of it was due; 0 if none failed."""
    bad = [each.at for each in sent if not each.well and each.end >= event]
    return max(0.0, max(bad) - event) if bad else 0.0


def highest(holds: Callable[[float], bool], first: float, *, near: float = 1.1, most: float = 1e5) -> float:
    """The highest rate that holds, to a factor of `near`; `first` is where to look first.

    Doubled or halved until one rate holds and one does not, then the geometric mean of the two, again and again. 0 if
    nothing above a hundredth of a request a second holds, `most` if that does.
    """
    low, high = (first, 0.0) if holds(first) else (0.0, first)
    while not high:
        if low >= most:
            return most
        step = min(2 * low, most)
        low, high = (step, 0.0) if holds(step) else (low, step)
    while not low:
        step = high / 2
        if step < 0.01:
            return 0.0
        low, high = (step, high) if holds(step) else (0.0, step)
    while high / low > near:
        step = math.sqrt(low * high)
        low, high = (step, high) if holds(step) else (low, step)
    return low


def write(path: Path, sent: Iterable[Sent]) -> None:
    """One line of JSON a request, after what is there."""
    with path.open("a") as file:
        file.writelines(json.dumps(asdict(each)) + "\n" for each in sent)


class Reader:
    """Reads a file of records while it is written: each time what is new. Half a line at its end is left for later."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0

    def more(self) -> list[Sent]:
        """Requests that have ended since the last call."""
        if not self._path.exists():
            return []
        with self._path.open("rb") as file:
            file.seek(self._at)
            whole = file.read().rpartition(b"\n")[0]
        self._at += len(whole) + 1 if whole else 0
        return [Sent(**json.loads(line)) for line in whole.splitlines()]


def read(path: Path) -> list[Sent]:
    """All that is written, in the order in which requests ended."""
    return Reader(path).more()
