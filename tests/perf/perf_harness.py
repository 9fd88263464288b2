"""What a benchmark is, what it measured, and the registry that `make bench` runs."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from perf_sites import Bench

Pair = tuple[float, float]
"""One measurement of ours and one of the baseline, taken one right after the other."""


@dataclass(frozen=True)
class Measured:
    """What one benchmark found. `samples` are as they were taken; `low` and `high` are the quartiles behind `value`.

    `baseline` is in the unit of `value`. `ratio` is ours over the baseline. Both are None where nothing compares.
    """

    value: float
    low: float
    high: float
    samples: Sequence[float] | Sequence[Pair]
    baseline: float | None = None
    ratio: float | None = None


def alone(samples: Sequence[float]) -> Measured:
    """The median of a measure that nothing compares with."""
    return Measured(statistics.median(samples), *quartiles(samples), samples)


def beside(pairs: Sequence[Pair]) -> Measured:
    """The median of ours and of the baseline. The ratio is the median of the pairs' ratios: drift hits both of a pair."""
    ours, baseline = [p[0] for p in pairs], [p[1] for p in pairs]
    return Measured(
        value=statistics.median(ours),
        low=quartiles(ours)[0],
        high=quartiles(ours)[1],
        samples=pairs,
        baseline=statistics.median(baseline),
        ratio=statistics.median(ratios(pairs)),
    )


def overhead(pairs: Sequence[Pair]) -> Measured:
    """The ratio itself as the value: the median of the pairs' ratios, against a baseline of 1."""
    found = ratios(pairs)
    middle = statistics.median(found)
    return Measured(middle, *quartiles(found), pairs, baseline=1.0, ratio=middle)


def added(pairs: Sequence[Pair]) -> Measured:
    """What ours takes more: the median of the pairs' differences. The baseline is what it takes without us."""
    found = [ours - baseline for ours, baseline in pairs]
    both = beside(pairs)
    return Measured(statistics.median(found), *quartiles(found), pairs, both.baseline, both.ratio)


def ratios(pairs: Sequence[Pair]) -> list[float]:
    """Ours over the baseline, pair by pair."""
    return [ours / baseline for ours, baseline in pairs]


def quartiles(samples: Sequence[float]) -> Pair:
    """The first and the third quartile; of a single sample, itself."""
    if len(samples) < 2:
        return samples[0], samples[0]
    first, _, third = statistics.quantiles(samples, n=4, method="inclusive")
    return first, third


class NotHere(Exception):
    """This machine cannot take the measure; the text is the one line that says why. It is skipped: that is no failure."""


@dataclass(frozen=True)
class Benchmark:
    """A named measure. `aim` is what we want of it at most, or at least where `more_is_better`; nothing fails by it."""

    name: str
    unit: str
    aim: float | None
    more_is_better: bool
    measure: Callable[[Bench], Measured]

    def meets(self, value: float) -> bool | None:
        """Whether the value meets the aim; None where there is none."""
        if self.aim is None:
            return None
        return value >= self.aim if self.more_is_better else value <= self.aim


Function = Callable[["Bench"], Measured]


class Registry:
    """All benchmarks by name, in the order in which they are run: that of their definition."""

    def __init__(self) -> None:
        self._known: dict[str, Benchmark] = {}

    def __iter__(self) -> Iterator[Benchmark]:
        return iter(self._known.values())

    def benchmark(
        self, name: str, unit: str, *, aim: float | None = None, more_is_better: bool = False
    ) -> Callable[[Function], Function]:
        """Register the function below as the benchmark of that name. Raises ValueError if the name is taken."""
        if name in self._known:
            raise ValueError(f"two benchmarks are named '{name}'")

        def register(measure: Function) -> Function:
            self._known[name] = Benchmark(name, unit, aim, more_is_better, measure)
            return measure

        return register

    def pick(self, names: Sequence[str]) -> list[Benchmark]:
        """The named ones in running order, all if none is named. Raises KeyError for the first unknown name."""
        for name in names:
            self._known[name]
        return [b for b in self if not names or b.name in names]


REGISTRY = Registry()
benchmark = REGISTRY.benchmark


def entry(unit: str, found: Measured) -> dict[str, Any]:
    """A benchmark's entry in build/bench.json."""
    return {
        "value": found.value,
        "unit": unit,
        "baseline": found.baseline,
        "ratio": found.ratio,
        "samples": [list(s) if isinstance(s, tuple) else s for s in found.samples],
    }
