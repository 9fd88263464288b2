"""The compiled replay beside its anchor, Starburst's published simulator, and beside the code that decides live."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from engine_traces import columns, drawn, plain

from spillover.backtest.columns import Columns
from spillover.backtest.outcome import OWNED
from spillover.backtest.replay import replay
from spillover.backtest.run import play
from spillover.backtest.trace import TraceJob
from spillover.backtest.world import Order
from spillover.domain.job import Hints
from spillover.domain.pool import Market, NodeType, Pool, PoolKind, PoolRole
from spillover.domain.resources import Demand, Resources
from spillover.placement.policies import Policy, make_policy

sys.path.append(str(Path(__file__).parents[2] / "perf"))
from perf_traces import FILES, FOLDER, trace

LEFT_OUT = 5000


def starburst(waiting: str, coefficient: float = 0.0) -> Policy:
    return make_policy("starburst", waiting=waiting, coefficient=coefficient)


@pytest.mark.skipif(not (FOLDER / FILES["philly"]).exists(), reason=f"there is no {FOLDER / FILES['philly']}")
@pytest.mark.parametrize(
    ("policy", "order", "gpu_h"),
    [
        (starburst("zero"), Order.IN_ORDER, 294_852.0),
        (starburst("constant", 0.9122174584550873), Order.IN_ORDER, 286_454.1),
        (starburst("cost", 0.1917447661677624), Order.ANY, 223_974.1),
    ],
)
def test_starbursts_own_figures_come_out_within_a_thousandth(policy: Policy, order: Order, gpu_h: float) -> None:
    """Philly on 384 GPUs in Starburst's model, first and last 5,000 jobs left out: cloud GPU-hours as published."""
    jobs = trace("philly")
    found = play(jobs, plain(48, order=order, known_runtimes=True), policy)
    counted = slice(LEFT_OUT, len(jobs) - LEFT_OUT + 1)
    assert found.cloud_gpu_s[counted].sum() / 3600.0 == pytest.approx(gpu_h, rel=1e-3)


def pools(nodes: int) -> list[Pool]:
    """The same world for the code that decides live: nodes of 8, and a cloud that is there at once."""
    shape = Resources({"GPU": 8.0, "CPU": 64.0})
    own = NodeType("own", shape, Market.OWNED, 1.0, nodes)
    rent = NodeType("rent", shape, Market.ON_DEMAND, 8.0, 10_000)
    endless = {"max_drivers": 10_000}
    return [
        Pool("home", PoolKind.ATTACHED, PoolRole.BASELINE, (own,), **endless),
        Pool("cloud", PoolKind.LAUNCHED, PoolRole.BURST, (rent,), startup_s=1.0, idle_timeout_s=0.0, **endless),
    ]


def as_live(jobs: Columns) -> list[TraceJob]:
    return [
        TraceJob(
            name,
            "ann",
            "red",
            float(submit),
            float(run),
            Demand(((1, Resources({"GPU": float(gpus)})),)),
            Hints(float(run)),
        )
        for name, submit, run, gpus in zip(jobs.ids, jobs.submit_s, jobs.run_s, jobs.gpus, strict=True)
    ]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("policy", [make_policy("immediate"), starburst("constant", 0.2)])
def test_it_places_single_gpu_jobs_as_live_code_does(seed: int, policy: Policy) -> None:
    """Where each job runs and how long it waits is the same to the second, in order and under EASY."""
    jobs = columns([(s, r + 1.0, 1.0) for s, r, _ in drawn(seed, 150)])
    fast = play(jobs, plain(1, known_runtimes=True, startup_s=1.0), policy)
    slow = {run.submission_id: run for run in replay(as_live(jobs), pools(1), policy).runs}
    assert [not slow[name].burst for name in jobs.ids] == (fast.where == OWNED).tolist()
    assert np.allclose([slow[name].wait_s for name in jobs.ids], fast.wait_s, atol=1.0)


@pytest.mark.parametrize("seed", range(4))
def test_it_packs_gangs_of_all_sizes_as_live_code_does_when_nobody_waits(seed: int) -> None:
    """Under `immediate` the same jobs find room at home: both put gangs first fit on nodes of 8."""
    jobs = columns([(round(s), round(r) + 1, g) for s, r, g in drawn(seed, 150, most_gpus=8)])
    fast = play(jobs, plain(3), make_policy("immediate"))
    slow = {run.submission_id: run for run in replay(as_live(jobs), pools(3), make_policy("immediate")).runs}
    assert [not slow[name].burst for name in jobs.ids] == (fast.where == OWNED).tolist()
