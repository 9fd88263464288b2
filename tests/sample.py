"""Which of the long tests a run takes: one group of these a day, all of them with SPILLOVER_SOAK."""

import datetime as dt
import os

import pytest

ROTATION = (
    ("test_serving_demo",),
    ("test_recorded_run", "test_preemption", "test_many"),
    ("test_batch_inference", "test_story", "test_people"),
    ("test_tune_sweep", "test_pool_dies", "test_lm_layouts"),
    ("test_workloads", "test_init"),
    ("test_lm_stream", "test_aws_nodes", "test_big_packages"),
    ("test_sweep_on_ray", "test_onprem"),
)
SEED = int(os.environ.get("SPILLOVER_SEED") or dt.datetime.now(dt.UTC).date().toordinal())


def sampled(module: str) -> pytest.MarkDecorator:
    """A mark that skips the module's tests unless it is its turn. SPILLOVER_SEED=N repeats a run's choice."""
    turn = next(number for number, modules in enumerate(ROTATION) if module in modules)
    return pytest.mark.skipif(
        not os.environ.get("SPILLOVER_SOAK") and SEED % len(ROTATION) != turn,
        reason=f"each run takes one group of {len(ROTATION)}: SPILLOVER_SEED={turn} for {', '.join(ROTATION[turn])}",
    )
