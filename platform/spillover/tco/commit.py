"""How many of the rented GPUs to commit to: the base of the load, closed form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Commitment:
    """`gpus` committed to; `paid_hours` are paid for in a year, `used_hours` of them take work off on-demand nodes."""

    gpus: float
    paid_hours: float
    used_hours: float


def best_commitment(load: Sequence[float], share: float, hours: float) -> Commitment:
    """The commitment that costs least, if a committed hour costs `share` of an on-demand hour, in `hours` hours.

    One GPU more pays while the load is at least that high for more than `share` of the time (the newsvendor's rule), so
    the best size is the load that is reached or exceeded in that share of the time: its (1 - share) quantile.
    """
    if not load or share >= 1:
        return Commitment(0.0, 0.0, 0.0)
    falling = sorted(load, reverse=True)
    # The GPUs above falling[k] would be busy in k / n of the time: the first k above `share` n pays for all of them.
    at = min(int(share * len(falling)), len(falling) - 1)
    gpus = falling[at]
    return Commitment(gpus, gpus * hours, covered(load, gpus) * hours)


def covered(load: Sequence[float], gpus: float) -> float:
    """How many of `gpus` committed GPUs are busy on average under that load."""
    return sum(min(level, gpus) for level in load) / len(load) if load else 0.0
