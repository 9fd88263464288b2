"""What interruptions cost a training job: a part of a real spot trace against real local nodes, and then the whole of it.

The replay is compressed, what a restart takes is not: its velocity is far below that at the trace's own time scale, which
is computed from the costs that it measures.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from perf_harness import Measured, alone, benchmark
from perf_sites import Bench

from spot.account import Account, account
from spot.replay import LEAST_S, LM, MOST_S, NODES, NOTICE_S, replay
from spot.result import Replayed
from spot.trace import read_market, segment

_LONG = 4
"""Nodes of the long run that is computed: more than half of the nine zones rarely have one at the same time."""

_MARKET = cache(read_market)


@contextmanager
def spot_replay(root: Path) -> Iterator[Replayed]:
    """One replay, and the same steps without interruption."""
    part, factor = segment(_MARKET().fleet(NODES), NODES, LEAST_S, MOST_S)
    yield replay(root, part, factor, LM, NOTICE_S, lambda _: None)


@benchmark("lost_work_per_interruption_s", "s")
def lost_work(bench: Bench) -> Measured:
    """Training to be done again for each node that was taken with 12 s of notice; samples: each loss."""
    found = bench.site(spot_replay)
    samples = [each.lost_s for each in found.losses]
    return Measured(found.costs.lost_s, min(samples), max(samples), samples)


@benchmark("spot_replay_velocity", "share", more_is_better=True)
def replay_velocity(bench: Bench) -> Measured:
    """The time of an uninterrupted run of the same steps, over that of the replay."""
    found = bench.site(spot_replay)
    return _beside(found.velocity, found.had)


@benchmark("spot_velocity_4_nodes", "share", aim=0.85, more_is_better=True)
def spot_velocity(bench: Bench) -> Measured:
    """Computed: four nodes of nine zones over 45 days at the trace's time scale, with the replay's costs."""
    found = _long(bench.site(spot_replay))
    return _beside(found.velocity, found.had)


@benchmark("spot_cost_4_nodes", "share", aim=0.4)
def spot_cost(bench: Bench) -> Measured:
    """Computed: what that costs, of what the same work costs on demand."""
    return alone([_long(bench.site(spot_replay)).usd])


def _long(found: Replayed) -> Account:
    return account(_MARKET().fleet(_LONG), _LONG, found.costs, _MARKET().price)


def _beside(velocity: float, had: float) -> Measured:
    """Against what it would be if no interruption cost anything: the share of node time that there was."""
    return Measured(velocity, velocity, velocity, [(velocity, had)], baseline=had, ratio=velocity / had)
