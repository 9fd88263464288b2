"""Which of the long tests a run takes: one of these a day, all of them with SPILLOVER_SOAK."""

import datetime as dt
import os

import pytest

ROTATION = ("test_recorded_run", "test_batch_inference", "test_tune_sweep", "test_workloads", "test_lm_stream")
SEED = int(os.environ.get("SPILLOVER_SEED") or dt.datetime.now(dt.UTC).date().toordinal())


def sampled(module: str) -> pytest.MarkDecorator:
    """A mark that skips the module's tests unless it is its turn. SPILLOVER_SEED=N repeats a run's choice."""
    turn = ROTATION.index(module)
    return pytest.mark.skipif(
        not os.environ.get("SPILLOVER_SOAK") and SEED % len(ROTATION) != turn,
        reason=f"each run takes one of {', '.join(ROTATION)}: SPILLOVER_SEED={turn}, or SPILLOVER_SOAK=1 for all",
    )
