"""Uniform Progress in a world of one job: deadlines are kept, whatever the spot market does, and for less money."""

from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from one_job import ON_DEMAND_USD, World, real_traces

HOUR = 3600.0
STARTUP_S, LOST_S = 600.0, 300.0
UNIFORM, GREEDY = 0.6, 1.0  # a deadline that is tight at 1 only has the safety net


@settings(max_examples=60)
@given(
    st.lists(st.booleans(), max_size=150),
    st.sampled_from([60.0, 195.0, 1000.0]),
    st.floats(600, 40_000),
    st.floats(0, 40_000),
    st.sampled_from([(0.0, 0.0), (600.0, 0.0), (180.0, 900.0)]),
    st.floats(0.05, 1),
)
def test_no_spot_market_makes_it_miss(free, tick_s, work_s, spare_s, change, tight_at):
    """If the work and two changes fit at submission, and the work is known, it is done in time."""
    deadline_s = work_s + 2 * sum(change) + spare_s
    run = World(tick_s, free, work_s, deadline_s, *change, tight_at).play()
    assert run.ended_s <= deadline_s + 1e-3
    assert run.spot_s + run.on_demand_s >= work_s - 1e-3


def played(share: float, tight_at: float):
    """Jobs of 48 h, of which the deadline leaves 1/share, at ten times in each of the nine real zones."""
    work_s = 48 * HOUR
    deadline_s = work_s / share
    for tick_s, free in real_traces().values():
        last = len(free) - int(deadline_s / tick_s) - 1
        for start in range(0, last, last // 4):
            world = World(tick_s, free[start:], work_s, deadline_s, STARTUP_S, LOST_S, tight_at)
            yield world, world.play()


@pytest.mark.skipif(not real_traces(), reason="the NSDI'24 spot traces are not at hand")
def test_on_real_spot_markets_it_is_cheaper_and_never_late():
    """Against on demand it saves a quarter where the deadline is tight and two fifths where it is loose, and where it
    is tight it also beats waiting for spot until the last moment."""
    spent: dict[tuple[float, float], list[float]] = defaultdict(list)
    for share in (0.8, 0.4):
        for tight_at in (UNIFORM, GREEDY):
            for world, run in played(share, tight_at):
                assert run.ended_s <= world.deadline_s + 1e-3
                spent[share, tight_at].append(run.usd / (world.work_s + STARTUP_S) * HOUR / ON_DEMAND_USD)
    means = {case: sum(ratios) / len(ratios) for case, ratios in spent.items()}
    print({case: round(mean, 3) for case, mean in means.items()})
    assert means[0.8, UNIFORM] < 0.75
    assert means[0.4, UNIFORM] < 0.6
    assert means[0.8, UNIFORM] < means[0.8, GREEDY]
