"""What every second of a history cost, and whose cost it was: by brute force, in fractions, with none of our code."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction

from bill_history import History, Machine, Work

Key = tuple[str | None, ...]
_DAY_S = 86_400
COLUMNS = ("day", "pool", "market", "node_type", "kind", "team", "user", "job")


@dataclass(frozen=True)
class Part:
    """What one payer owes."""

    nanos: Fraction = Fraction(0)
    node_s: Fraction = Fraction(0)

    def plus(self, node_s: Fraction, price_nanos: int) -> Part:
        """With so much of a node's time, at that price an hour."""
        return Part(self.nanos + node_s * price_nanos / 3600, self.node_s + node_s)


def reference(history: History) -> dict[Key, Part]:
    """Exact sums by COLUMNS."""
    owed: dict[Key, Part] = defaultdict(Part)
    for machine in history.machines:
        spans = [(n, *history.span(work)) for n, work in enumerate(history.works) if work.machine is machine]
        counted: Counter[tuple[int, int, tuple[int, ...]]] = Counter()
        for begin, end in _paid(history, machine):
            for second in range(begin, end):
                held = tuple(n for n, start, stop in spans if start <= second < stop)
                counted[second // _DAY_S, _look(history, second), held] += 1
        for state, times in counted.items():
            for key, share in _shares(history, machine, *state):
                owed[key] = owed[key].plus(times * share, machine.price_nanos)
    for day, times in Counter(second // _DAY_S for second in range(*_head(history))).items():
        key = (_day(day), "cloud", "on_demand", "head", "head", None, None, None)
        owed[key] = owed[key].plus(Fraction(times), history.head_price_nanos)
    return dict(owed)


def _paid(history: History, machine: Machine) -> Iterator[tuple[int, int]]:
    """From when until when the machine costs money."""
    for first, last in machine.stays:
        if machine.pool == "dc":
            if first < len(history.at):
                yield history.at[first], history.at[min(last, len(history.at) - 1)]
        else:
            yield history.before(first, machine.early_s), history.cloud_ends()


def _head(history: History) -> tuple[int, int]:
    return history.before(history.cloud[0], history.head_early_s), history.cloud_ends()


def _look(history: History, second: int) -> int:
    """The look that says who holds what in this second: the last one, or the next one if Spillover was down."""
    index = bisect_right(history.at, second) - 1
    return index + 1 if index + 1 in history.down or index < 0 else index


def _shares(
    history: History, machine: Machine, day: int, look: int, held: tuple[int, ...]
) -> Iterator[tuple[Key, Fraction]]:
    """Each holder's dominant share; scaled down if the machine is over-booked; the rest is idle."""
    where = (_day(day), machine.pool, "owned" if machine.pool == "dc" else "spot", f"type-{machine.name}")
    shown = machine.up(look) and (look, machine.pool) not in history.silent
    foreign = Fraction(history.foreign.get((look, machine.name), 0), 10) if shown else Fraction(0)
    shares: dict[Key, Fraction] = {(*where, "foreign", None, None, None): foreign / machine.size["CPU"]}
    for number in held:
        work = history.works[number]
        shares[*where, "job", work.team, work.user, work.name] = _share(work, machine, look, shown=shown)
    taken = sum(shares.values(), Fraction(0))
    shares = {key: share / max(taken, Fraction(1)) for key, share in shares.items() if share}
    yield from shares.items()
    if taken < 1:
        yield (*where, "idle", None, None, None), 1 - taken


def _share(work: Work, machine: Machine, look: int, *, shown: bool) -> Fraction:
    seen = work.seen if shown and work.first <= look < work.last else {}
    amounts = {r: Fraction(max(work.declared.get(r, 0), seen.get(r, 0)), 10) for r in machine.size}
    shares = [amount / machine.size[r] for r, amount in amounts.items()]
    return max([*shares, Fraction(1 if work.declared else 0, 1000)])


def _day(number: int) -> str:
    return datetime.fromtimestamp(number * _DAY_S, UTC).strftime("%Y-%m-%d")
