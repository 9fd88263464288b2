"""What must hold of the patience that history calls for, checked by adding up each job's wait by itself."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from spillover.placement.snapshot import PastWait
from spillover.placement.steering import seconds_per_usd

seconds = st.integers(0, 1000).map(float)
prices = st.sampled_from([None, 0.25, 1.0, 2.0, 50.0])
started = st.lists(st.builds(PastWait, prices, seconds, seconds, st.booleans()), min_size=1, max_size=12)
queued = st.lists(st.tuples(prices, seconds).map(lambda pair: PastWait(*pair)), max_size=4)


def mean_wait(past: list[PastWait], waiting: list[PastWait], c: float) -> float:
    """What these jobs would have waited in the mean at `c` seconds per dollar, one by one."""
    rented = [w for w in past if w.burst and w.usd is not None]
    start_s = sum(w.start_s for w in rented) / len(rented) if rented else 0.0
    total = 0.0
    for w in (*past, *waiting):
        if w.usd is None:
            total += w.wait_s + w.start_s
        elif w.burst:
            total += c * w.usd + start_s
        else:
            total += w.wait_s + w.start_s if c * w.usd >= w.wait_s else c * w.usd + start_s
    return total / (len(past) + len(waiting))


@given(started, queued, st.integers(1, 2000).map(float))
def test_the_patience_found_keeps_the_target(past, waiting, target_s):
    """Nothing longer does; and where none does, none comes nearer."""
    found = seconds_per_usd(past, waiting, target_s)
    tried = [0.0, *(w.wait_s / w.usd for w in (*past, *waiting) if w.usd), 1e7]
    if found == math.inf:
        assert mean_wait(past, waiting, 1e9) <= target_s + 1e-6
        return
    # On both sides, since a wait may jump where a job's patience comes to the wait that it had, and rounding decides
    kept = min(mean_wait(past, waiting, found * near) for near in (1 - 1e-9, 1.0, 1 + 1e-9))
    if kept <= target_s + 1e-4:
        longer = [*(c for c in tried if c > found * (1 + 1e-9)), found * 1.001 + 0.001]
        assert all(mean_wait(past, waiting, c) > target_s - 1e-4 for c in longer)
    else:
        assert kept <= min(mean_wait(past, waiting, c) for c in tried) + 1e-4
