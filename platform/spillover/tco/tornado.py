"""What matters: one input at a time from its low to its high end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .figures import Book
from .inputs import Inputs

Metric = Callable[[Inputs], float]


@dataclass(frozen=True, slots=True)
class Swing:
    """What one input does to a result, from its low to its high end, all others at their likeliest."""

    name: str
    low: float
    high: float
    at_low: float
    at_high: float

    @property
    def size(self) -> float:
        """How much it matters."""
        return abs(self.at_high - self.at_low)


def tornado(book: Book, metric: Metric) -> tuple[Swing, ...]:
    """Each uncertain input's swing, the largest first; those that change nothing are left out."""
    swings = [
        Swing(f.name, f.low, f.high, metric(book.inputs(**{f.name: f.low})), metric(book.inputs(**{f.name: f.high})))
        for f in book.uncertain()
    ]
    return tuple(sorted((s for s in swings if s.size > 0), key=lambda s: -s.size))
