"""One pass of decisions over a long queue."""

from __future__ import annotations

import gc
import time
from dataclasses import replace

from perf_harness import Measured, alone, benchmark
from perf_queue import OLDEST_S, long_queue, past_waits
from perf_sites import Bench

from spillover.domain.decision import Verdict
from spillover.placement.place import decide
from spillover.placement.policies import Policy, make_policy
from spillover.placement.snapshot import Snapshot

_JOBS, _PASSES = 10_000, 15


@benchmark("decision_pass_10k_ms", "ms", aim=100.0)
def decision_pass_10k(bench: Bench) -> Measured:
    """`place.decide` over 10,000 jobs under `threshold`, whose rule none has reached: each is offered, and waits."""
    return _passes_ms(bench, make_policy("threshold", rules=[[1, 2 * OLDEST_S]]), long_queue(_JOBS))


@benchmark("decision_pass_10k_budget_ms", "ms", aim=100.0)
def decision_pass_10k_budget(bench: Bench) -> Measured:
    """The same under `waiting_budget`, steered by 500 past waits, once those are gone whose patience was over."""
    policy = make_policy("waiting_budget", target_mean_wait="1d")
    queue = replace(long_queue(_JOBS + _JOBS // 4), past=past_waits(500))
    for _ in range(2):
        queue = _without_placed(queue, policy)
    return _passes_ms(bench, policy, replace(queue, jobs=queue.jobs[:_JOBS]))


@benchmark("decision_pass_10k_burst_ms", "ms")
def decision_pass_10k_burst(bench: Bench) -> Measured:
    """The same under the default rules of `threshold`, which all have reached: every rented pool is filled at once."""
    return _passes_ms(bench, make_policy("threshold"), long_queue(_JOBS))


def _without_placed(queue: Snapshot, policy: Policy) -> Snapshot:
    placed = {d.submission_id for d in decide(queue, policy) if d.verdict is Verdict.TAKE}
    return replace(queue, jobs=tuple(job for job in queue.jobs if job.submission_id not in placed))


def _passes_ms(bench: Bench, policy: Policy, queue: Snapshot) -> Measured:
    """Milliseconds a pass; each is one second later than the one before, as it is in a server."""
    bench.rest()
    seconds = iter(range(_PASSES + 2))
    gc.collect()

    def measure() -> float:
        snapshot = replace(queue, at=queue.at + next(seconds))
        began = time.perf_counter()
        decisions = decide(snapshot, policy)
        took = time.perf_counter() - began
        assert len(decisions) == _JOBS
        return took * 1000

    return alone(bench.samples(measure, _PASSES, warm=2))
