"""Where values lie on an axis, and which of them carry a label."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

_ZERO = 0.07  # of the width of a logarithmic axis is kept for what is zero, which has no logarithm
_ROUND_S = (1, 10, 60, 600, 3600, 36_000, 360_000, 3_600_000, 36_000_000)


@dataclass(frozen=True)
class Scale:
    """Values from `low` to `high` to 0 to 1. A logarithmic one has room for zero at its left end."""

    low: float
    high: float
    ticks: tuple[float, ...]
    log: bool = False

    def at(self, value: float) -> float:
        """From 0 to 1; values beyond the ends lie on them."""
        if not self.log:
            return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))
        if value <= 0:
            return 0.0
        part = math.log(value / self.low) / math.log(self.high / self.low)
        return _ZERO + (1 - _ZERO) * min(1.0, max(0.0, part))


def from_zero(values: Iterable[float], steps: int = 5) -> Scale:
    """From 0 to a round number above all values, with about so many labels."""
    top = max((v for v in values if math.isfinite(v)), default=0.0)
    step = _round_step(top / steps) if top > 0 else 1.0
    last = max(1, math.ceil(top / step - 1e-9))
    return Scale(0.0, last * step, tuple(step * k for k in range(last + 1)))


def days(seconds: float, steps: int = 5) -> Scale:
    """A time axis in days, that ends where the time does."""
    end = max(seconds, 1.0) / 86_400
    step = _round_step(end / steps)
    return Scale(0.0, end, tuple(step * k for k in range(math.floor(end / step + 1e-9) + 1)))


def durations(values: Iterable[float]) -> Scale:
    """Seconds, logarithmic: seconds to weeks have their place on one axis. What is under a second counts as one."""
    above = [v for v in values if math.isfinite(v) and v > 0]
    low = max(1.0, min(above, default=1.0)) / 1.3
    high = max(low * 10, max(above, default=1.0) * 1.3)
    ticks = [t for t in _ROUND_S if low <= t <= high]
    if len(ticks) < 4:
        ticks = sorted(t for t in (*_ROUND_S, *(3 * t for t in _ROUND_S)) if low <= t <= high)
    return Scale(low, high, (0.0, *ticks), log=True)


def show_tick(seconds: float) -> str:
    """`0`, `10 s`, `3 min`, `100 h`."""
    if not seconds:
        return "0"
    size, unit = next((s, u) for s, u in ((3600, "h"), (60, "min"), (1, "s")) if seconds >= s)
    return f"{seconds / size:,.0f} {unit}"


def _round_step(step: float) -> float:
    """1, 2 or 5 times a power of ten, not below `step`."""
    power: float = 10 ** math.floor(math.log10(step))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= step * (1 - 1e-9))
