"""`play`: a trace under a policy in a world, as fast as the machine goes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, cast

import numpy as np

from ..placement.policies import Policy
from ..placement.policies.compiled import compiled
from ..placement.policies.facts import Facts
from .columns import Columns, Floats, Ints
from .forecasts import tally_of
from .outcome import Outcome, Series
from .world import Order, World

COOLDOWN_S = 3600.0
"""A job is not moved again before that."""

_FUNCTIONS = ("rule", "home_gain_usd", "entry_gain_usd", "leave_cost_usd")

REVIEW_S = 300.0
"""How often a policy is asked again about those who wait, where its answers change with the queue."""


def play(trace: Columns, world: World, policy: Policy, *, series_points: int = 500) -> Outcome:
    """How the trace would have gone. Raises ValueError for a policy without a `rule`: `backtest.replay` takes those.

    Pure: the same arguments give the same outcome, but for `wall_s`.
    """
    from .engine import loop  # noqa: PLC0415 -- compiles, and needs numba
    from .engine.state import make_state  # noqa: PLC0415

    if not hasattr(policy, "rule") or not hasattr(policy, "knobs"):
        raise ValueError(f"policy '{policy.name}' has no rule of plain numbers, which a compiled replay needs")
    scale = _scale(trace)
    state = make_state(trace, world, scale, _flips(world, trace), series_points)
    span_h = (float(trace.submit_s[-1] + trace.run_s.max()) if len(trace) else 0.0) / 3600.0
    step_h = max(span_h / max(series_points - 1, 1), 1e-6)
    tally = tally_of(trace, world.default_runtime_s)
    functions = [_function(policy, name) for name in _FUNCTIONS]
    knobs = np.array(policy.knobs or (0.0,), dtype=np.float64)
    rules = _rules(world, policy, scale)
    compiled_play: Any = loop.play
    _compile_loop(compiled_play, (state, rules, tally), knobs)
    begin = time.perf_counter()
    compiled_play(state, rules, tally, *functions, knobs, step_h)
    return _outcome(trace, world, policy, state, tally, scale, step_h, time.perf_counter() - begin)


def _rules(world: World, policy: Policy, scale: int) -> Any:
    from .engine.rent import Rules  # noqa: PLC0415
    from .engine.state import ORDERS  # noqa: PLC0415

    return Rules(
        size=world.gpus_per_node * scale,
        scale=float(scale),
        order=ORDERS.index(Order(world.order)),
        best=bool(getattr(policy, "packs_tightly", False)),
        moves=hasattr(policy, "home_gain_usd"),
        steady=bool(getattr(policy, "steady", False)),
        known=world.known_runtimes,
        learns=world.learns,
        default_s=world.default_runtime_s,
        on_demand=world.on_demand_usd,
        startup_h=world.startup_s / 3600.0,
        idle_h=world.idle_timeout_s / 3600.0,
        move_h=world.move_s / 3600.0,
        move_usd=world.checkpoint_gb * world.egress_usd_per_gb,
        start_usd=world.data_gb * world.egress_usd_per_gb,
        every_h=world.checkpoint_every_s / 3600.0,
        restart_h=world.restart_s / 3600.0,
        most_units=world.max_cloud_gpus * scale,
        budget=world.budget_usd,
        cooldown_h=COOLDOWN_S / 3600.0,
        review_h=REVIEW_S / 3600.0,
        sizes=np.array([size * scale for size in sorted(world.cloud_sizes)], dtype=np.int64),
    )


def _scale(trace: Columns) -> int:
    """Units an accelerator: 1 where all are whole, else 100."""
    return 1 if bool(np.all(trace.gpus == np.rint(trace.gpus))) else 100


def _flips(world: World, trace: Columns) -> tuple[Floats, Ints]:
    """When zones come and go (h), in order. A trace longer than the spot record sees it again from its begin."""
    end_s = float(trace.submit_s[-1] + 2 * trace.run_s.max()) if len(trace) and world.spot else 0.0
    found = [(at, code) for number, zone in enumerate(world.spot) for at, code in _zone_flips(zone, number, end_s)]
    found.sort()
    return np.array([at for at, _ in found]), np.array([code for _, code in found], dtype=np.int64)


def _zone_flips(zone: Any, number: int, end_s: float) -> list[tuple[float, int]]:
    rounds = int(end_s / (len(zone.free) * zone.tick_s)) + 1
    free = np.concatenate([[False], np.tile(np.asarray(zone.free) > 0, rounds)])
    ticks = np.flatnonzero(free[1:] != free[:-1])
    return [(k * zone.tick_s / 3600.0, number + 1 if free[k + 1] else -number - 1) for k in ticks.tolist()]


def _function(policy: Policy, name: str) -> Any:
    """A function of the policy's, compiled with the types that the loop is compiled for."""
    function = compiled(getattr(policy, name, _nothing))
    function.compile(_signature(name))
    return function


def _signature(name: str) -> Any:
    from numba import types  # noqa: PLC0415

    facts = types.NamedUniTuple(types.float64, len(Facts._fields), Facts)
    gives = types.Tuple((types.int64, types.float64)) if name == "rule" else types.float64
    return gives(types.float64[::1], facts)


def _compile_loop(loop: Any, arguments: Sequence[Any], knobs: Floats) -> None:
    """Compile the loop once for all policies: their functions come to it as pointers, not as types of their own."""
    from numba import typeof, types  # noqa: PLC0415

    pointers = [types.FunctionType(_signature(name)) for name in _FUNCTIONS]
    signature = types.void(*map(typeof, arguments), *pointers, typeof(knobs), types.float64)
    if signature.args not in loop.overloads:
        loop.disable_compile(val=False)
        loop.compile(signature)
    loop.disable_compile()


def _nothing(knobs: Sequence[float], facts: Facts) -> float:  # noqa: ARG001 -- the shape of the others
    return 0.0


def _outcome(
    trace: Columns, world: World, policy: Policy, state: Any, tally: Any, scale: int, step_h: float, wall_s: float
) -> Outcome:
    from .engine import state as at  # noqa: PLC0415

    job = state.job
    over = job["place"] == at.ENDED
    jct_s = np.where(over, job["ended"] * 3600.0 - trace.submit_s, np.nan)
    makespan_h = float(job["ended"].max(initial=0.0))
    series = state.series[: state.counts[at.SAMPLES]]
    missed = np.isfinite(trace.deadline_s) & ~(jct_s <= trace.deadline_s)
    return Outcome(
        policy=policy.name,
        settings=_settings(policy),
        world=world,
        trace=trace,
        wait_s=jct_s - trace.run_s,
        started_s=np.where(job["began"] >= 0.0, job["began"] * 3600.0, np.nan),
        ended_s=np.where(over, job["ended"] * 3600.0, np.nan),
        where=job["where"],
        cloud_gpu_s=job["cloud_h"] * job["units"] / scale * 3600.0,
        cloud_usd=job["usd"],
        moves=job["moves"],
        interruptions=job["broken"],
        missed=missed,
        total_cloud_usd=float(state.total[at.SPENT]),
        total_cloud_gpu_h=float(state.total[at.CLOUD_UNIT_H]) / scale,
        egress_usd=float(state.total[at.EGRESS]),
        owned_gpu_h=float(state.total[at.OWNED_UNIT_H]) / scale,
        owned_usd=world.owned_usd * world.nodes * world.gpus_per_node * makespan_h,
        decisions=int(state.counts[at.DECISIONS]),
        wall_s=wall_s,
        series=Series(cast("Floats", np.arange(len(series)) * step_h * 3600.0), *series.T.copy()),
        forecast_low_s=np.asarray(tally.low),
        forecast_high_s=np.asarray(tally.high),
        extra={
            "moved_home": float(state.counts[at.MOVED_HOME]),
            "made_room": float(state.counts[at.MOVED_OUT]),
            "budget_spent_at_s": float(state.total[at.EXHAUSTED]) * 3600.0,
        },
    )


def _settings(policy: Policy) -> dict[str, object]:
    return {field.name: getattr(policy, field.name) for field in fields(cast("Any", policy))}
