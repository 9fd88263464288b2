"""The dual of the relaxed problem at any prices: a supporting line of the bound."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .bound_kernel import cheapest
from .bound_problem import Problem, full
from .columns import Floats

DEAREST = 4.0
"""The highest price of owned capacity where some jobs cannot be moved: those may be worth more than their own hour."""


@dataclass(frozen=True, eq=False)
class Line:
    """Cloud GPU-hours are at least `value` less `wait_price` x the hours waited in all, whatever the prices are.

    `price` is that of an owned GPU-hour in each slot, `wait_price` that of an hour of one job's waiting, both in cloud
    GPU-hours. `used` are the GPU-hours that the jobs then run on owned accelerators in each slot, `waited` the hours
    that they wait.
    """

    value: float
    wait_price: float
    price: Floats
    used: Floats
    waited: float

    def at(self, allowed_h: float) -> float:
        """The least cloud GPU-hours when all jobs together wait `allowed_h` hours."""
        return self.value - self.wait_price * allowed_h


def line(given: Problem, price: Floats, wait_price: float) -> Line:
    """The exact dual at prices of at least 0."""
    used = np.empty(len(price) + 1)
    total, waited = cheapest(
        given.submit,
        given.run,
        given.gpus,
        given.movable,
        given.first,
        given.last,
        np.append(given.edges, math.inf),
        np.append(price, 0.0),
        wait_price,
        used,
    )
    return Line(total - float(price @ given.capacity), wait_price, price, used[:-1], waited)


def ceiling(given: Problem) -> float:
    """The highest price of owned capacity that can help: 1 where all jobs are movable, as they would leave."""
    return 1.0 if given.movable.all() else DEAREST


def nobody_waits(given: Problem) -> float:
    """A price of an hour's waiting at which nobody waits: an hour saves no more than the gang at the highest price."""
    return ceiling(given) * float(given.gpus.max())


def opening(given: Problem) -> tuple[Floats, float]:
    """Prices to begin with: owned capacity is worth the cloud's where it is short; an hour of waiting, a mean gang."""
    work = given.gpus * given.run
    return full(given).astype(float), float((work * given.gpus).sum() / max(work.sum(), 1e-9))
