"""How many seconds of waiting a dollar may buy, learnt from how long jobs have waited."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import fmean

from .snapshot import PastWait


def seconds_per_usd(past: Sequence[PastWait], waiting: Sequence[PastWait], target_s: float) -> float:
    """The largest c, in seconds per dollar, at which these jobs would have waited `target_s` in the mean at most.

    At another c, a job that was rented for would have waited c x usd until then. One that started on an owned pool
    would have waited as long as it did, or, if that is longer than c x usd, that long and then for a rented node. A job
    that waits counts with its wait so far, so that a blocked queue is noticed. Infinite if even endless patience keeps
    the target; if no c does, since nodes take longer than that to start, the one that comes nearest.

    The mean rises linearly with c, but where c x usd reaches a job's wait it may drop: it is looked at between these
    points, from above.
    """
    rented = [wait for wait in past if wait.burst and wait.usd is not None]
    others = [wait for wait in (*past, *waiting) if wait.usd is None or not wait.burst]
    start_s = fmean([wait.start_s for wait in rented]) if rented else 0.0
    total = sum([wait.wait_s + wait.start_s for wait in others]) + start_s * len(rented)
    slope = sum([wait.usd or 0.0 for wait in rented])
    room = target_s * (len(past) + len(waiting))
    nearest, above, last = (math.inf, 0.0), math.inf, math.inf
    for c, usd, waited_s in _drops(others):
        if c != last:  # those of the same c drop together
            found = _reaches(room - total, slope)
            if found >= c:
                return min(found, above)
            nearest, above, last = min(nearest, (total + slope * c, c)), math.nextafter(c, 0.0), c
        total += start_s - waited_s
        slope += usd
    found = _reaches(room - total, slope)
    return min(found, above) if found >= 0 else min(nearest, (total, 0.0))[1]


def _drops(waits: Iterable[PastWait]) -> list[tuple[float, float, float]]:
    """For each job that waited for owned room: the c from which on it would have, its price and all of its wait.

    The largest c first.
    """
    found = [(w.wait_s / w.usd, w.usd, w.wait_s + w.start_s) for w in waits if w.usd and w.wait_s > 0]
    return sorted(found, reverse=True)


def _reaches(room_s: float, slope: float) -> float:
    """The c at which a sum that rises with `slope` has filled the room; -1 if it is too full from the start."""
    if room_s < 0:
        return -1.0
    return room_s / slope if slope > 0 else math.inf
