"""Train a small byte-level language model, data-parallel, on CPUs with Ray Train.

ray job submit --working-dir jobs/train_bytes -- python train.py --steps 250 --workers 2

This is the driver. It never imports torch: what the ranks do is in worker.py.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from dataclasses import asdict
from textwrap import shorten
from typing import Any

from settings import Settings, parse

ENVIRONMENT = {
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2",  # the controller looks at its ranks; 2 s would be lost at each end
    "RAY_TRAIN_METRICS_ENABLED": "0",
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",
    "RAY_TRAIN_ENABLE_PRINT_PATCH": "0",  # a progress line is a line, not a log record
    "RAY_COLOR_PREFIX": "0",
    "RAY_DEDUP_LOGS": "0",  # a traceback from two ranks would be cut to pieces
}
LOG_DELAY_S = 1.0  # lines of the ranks reach the driver by way of files
UNUSED_CALLBACKS = {"DatasetsCallback", "PlacementGroupCleanerCallback"}


for name, value in ENVIRONMENT.items():  # before Ray reads them; whoever runs the job may have set others
    os.environ.setdefault(name, value)

import ray  # noqa: E402  (the variables above must be there first)


def main() -> int:
    settings = parse()
    ray.init(logging_level="WARNING")
    try:
        result = fit(settings)
    except Exception as error:  # whatever it was, the last line says so, and the exit code is not 0
        time.sleep(LOG_DELAY_S)
        ray.shutdown()
        print(f"failed: {reason(error)}", flush=True)
        return 1
    ray.shutdown()  # before the last line, so that it is the last; at exit it would sleep for half a second
    report = result.return_value
    print(
        f"done: validation loss {report['first_loss']:.2f} -> {report['last_loss']:.2f} in {report['steps']} steps, "
        f"{report['seconds']:.1f} s",
        flush=True,
    )
    return 0


def fit(settings: Settings) -> Any:
    """Raises what Ray Train raises."""
    from ray.train import LoggingConfig, RunConfig, ScalingConfig
    from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer

    class Trainer(DataParallelTrainer):
        """TorchTrainer's parent: TorchTrainer imports torch here and in the controller, 1.4 s and 190 MB each.

        It also leaves out two helper processes, 1.5 s of CPU each: we hand over no Ray dataset, and our
        placement group ends with this driver. Should Ray rename the method, we merely get them back.
        """

        def _create_default_callbacks(self) -> list[Any]:
            return [c for c in super()._create_default_callbacks() if type(c).__name__ not in UNUSED_CALLBACKS]

    trainer = Trainer(
        train_on_worker,
        train_loop_config=asdict(settings),
        scaling_config=ScalingConfig(num_workers=settings.workers, resources_per_worker=settings.resources_per_worker),
        run_config=RunConfig(
            storage_path=tempfile.mkdtemp(prefix="train-bytes-"), logging_config=LoggingConfig(log_level="WARNING")
        ),
    )
    return trainer.fit()


def train_on_worker(config: dict[str, Any]) -> dict[str, float]:
    from worker import train  # torch comes with it, so not at the top of this file

    return train(Settings(**config))


def reason(error: Exception) -> str:
    """The first failed rank's own error, else what Ray Train says: on one line, and no longer than a line should be."""
    failures: dict[int, Exception] = getattr(error, "worker_failures", {})
    rank, cause = min(failures.items(), default=(None, error))
    text = shorten(str(cause), width=300, placeholder=" ...") or type(cause).__name__
    return text if rank is None else f"rank {rank}: {text}"


if __name__ == "__main__":
    sys.exit(main())
