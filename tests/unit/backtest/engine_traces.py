"""Small traces for tests of the compiled replay."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spillover.backtest.alike import like_columns
from spillover.backtest.columns import Columns
from spillover.backtest.world import Order, World

HOUR = 3600.0


def columns(jobs: Sequence[tuple[float, float, float]], **changed: object) -> Columns:
    """Jobs of (submit s, run s, GPUs), in order of submission; none can be moved, all may burst."""
    submit, run, gpus = (np.array(column, dtype=np.float64) for column in zip(*jobs, strict=True))
    n = len(jobs)
    parts: dict[str, object] = {
        "ids": tuple(f"j{k}" for k in range(n)),
        "submit_s": submit,
        "run_s": run,
        "gpus": gpus,
        "cpus": np.zeros(n),
        "team": np.zeros(n, np.int64),
        "user": np.zeros(n, np.int64),
        "priority": np.zeros(n, np.int64),
        "hint_s": np.full(n, np.nan),
        "deadline_s": np.full(n, np.inf),
        "like": like_columns(gpus, np.zeros(n), submit),
        "resumable": np.zeros(n, np.bool_),
        "may_burst": np.ones(n, np.bool_),
        "teams": ("a",),
        "users": ("u",),
    }
    return Columns(**parts | changed)  # type: ignore[arg-type]


def plain(nodes: int, **changed: object) -> World:
    """A world whose cloud is there at once, is billed by the GPU at a dollar an hour, and keeps nothing idle."""
    basis: dict[str, object] = {
        "nodes": nodes,
        "gpus_per_node": 8,
        "on_demand_usd": 1.0,
        "startup_s": 0.0,
        "idle_timeout_s": 0.0,
        "cloud_sizes": (1,),
        "checkpoint_gb": 0.0,
        "order": Order.EASY,
    }
    return World(**basis | changed)  # type: ignore[arg-type]


def drawn(seed: int, count: int, most_gpus: int = 12) -> list[tuple[float, float, float]]:
    """Random jobs: short ones most of all, a few long, gangs of all sizes."""
    rng = np.random.default_rng(seed)
    submit = np.cumsum(rng.exponential(300.0, count))
    run = np.exp(rng.normal(7.0, 1.5, count))
    gpus = rng.integers(1, most_gpus + 1, count)
    return [(float(s), float(r), float(g)) for s, r, g in zip(submit, run, gpus, strict=True)]
