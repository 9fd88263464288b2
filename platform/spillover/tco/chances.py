"""Monte Carlo: how sure the answers are, given how uncertain the inputs are."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from .cost import break_even
from .curve import year_of
from .figures import Book
from .history import Played
from .inputs import Inputs
from .owned import owned_cost
from .rented import Plan, rented_cost

DRAWS = 10_000


@dataclass(frozen=True, slots=True)
class Spread:
    """How a result is distributed over the draws: `samples` ascending. Percentiles are by nearest rank."""

    samples: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Infinite if any sample is."""
        return fmean(self.samples)

    def percentile(self, share: float) -> float:
        """The value that `share` of the draws stay at or under."""
        return self.samples[min(len(self.samples) - 1, int(share * len(self.samples)))]

    def chance_under(self, value: float) -> float:
        """The share of draws below a value."""
        return sum(sample < value for sample in self.samples) / len(self.samples)


def draws(book: Book, seed: int, number: int = DRAWS) -> Iterator[Inputs]:
    """Inputs drawn independently, each from the triangle over low, likeliest and high. The same seed gives the same."""
    generator = random.Random(seed)  # noqa: S311  # nothing secret
    middle = book.inputs()
    positions = {name: at for at, name in enumerate(Inputs._fields)}
    ranges = [(positions[f.name], f.low, f.high, f.value) for f in book.uncertain()]
    values = list(middle)
    for _ in range(number):
        for position, low, high, mode in ranges:
            values[position] = generator.triangular(low, high, mode)
        yield Inputs(*values)


def spread(samples: Sequence[float]) -> Spread:
    """Their distribution."""
    return Spread(tuple(sorted(samples)))


@dataclass(frozen=True, slots=True)
class Chances:
    """What the draws say of owning `nodes` nodes at the drawn utilisation.

    `owned_usd` and each of `rented_usd` are dollars a GPU-hour of work; `break_even` is against each plan, and
    `owning_cheaper` the share of draws in which owning costs less than the plan does.
    """

    owned_usd: Spread
    rented_usd: Mapping[Plan, Spread]
    break_even: Mapping[Plan, Spread]
    owning_cheaper: Mapping[Plan, float]


def chances(book: Book, seed: int, number: int = DRAWS) -> Chances:
    """Of a GPU-hour, whatever the history."""
    owned: list[float] = []
    rented: dict[Plan, list[float]] = {plan: [] for plan in Plan}
    even: dict[Plan, list[float]] = {plan: [] for plan in Plan}
    for v in draws(book, seed, number):
        gpus, cost = v.nodes * v.gpus, owned_cost(v)
        owned.append(cost.usd_per_gpu_hour(gpus, v.utilisation))
        for plan in Plan:
            other = rented_cost(v, plan)
            rented[plan].append(other.usd_per_gpu_hour(gpus, v.utilisation))
            even[plan].append(break_even(cost, other, gpus))
    return Chances(
        spread(owned),
        {plan: spread(samples) for plan, samples in rented.items()},
        {plan: spread(samples) for plan, samples in even.items()},
        {plan: _share(owned, samples) for plan, samples in rented.items()},
    )


def _share(less: Sequence[float], more: Sequence[float]) -> float:
    return sum(a < b for a, b in zip(less, more, strict=True)) / len(less)


@dataclass(frozen=True, slots=True)
class SizeChances:
    """What the draws say of the number of nodes to own for a history.

    `total_usd` is a year at `nodes`, which is best at the likeliest inputs. `best_nodes` is each draw's own best of the
    sizes played, `best` the share of draws of each, and `regret_usd` what `nodes` costs a year more than that.
    """

    nodes: int
    total_usd: Spread
    best_nodes: Spread
    best: Mapping[int, float]
    regret_usd: Spread


def size_chances(book: Book, played: Mapping[int, Played], nodes: int, seed: int, number: int = DRAWS) -> SizeChances:
    """Of the history's curve. Where jobs ran stays as it was played; prices change the bill alone."""
    totals: list[float] = []
    regrets: list[float] = []
    best: list[int] = []
    for v in draws(book, seed, number):
        cost = owned_cost(v)
        at = {size: sum(year_of(v, one, cost)) for size, one in played.items()}
        cheapest = min(at, key=lambda size: (at[size], size))
        best.append(cheapest)
        totals.append(at[nodes])
        regrets.append(at[nodes] - at[cheapest])
    shares = {size: count / number for size, count in sorted(Counter(best).items())}
    return SizeChances(nodes, spread(totals), spread(best), shares, spread(regrets))
