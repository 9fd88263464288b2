"""Train a small language model, on CPUs or GPUs, in whatever layout, with Ray Train.

ray job submit --working-dir jobs -- python -m lm.train [SETTINGS.yaml] [key=value ...]

This is the driver; what the ranks do is in worker.py. `--help` lists the settings.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.outcome import run
from common.settings import load
from common.trainer import CLEANER, READER, failures, set_defaults, storage_of, trainer_class
from lm.settings import Settings

if TYPE_CHECKING:
    from ray.train import UserCallback
    from ray.train.torch import TorchTrainer

    from lm.data import Catalogue

FOLDER = Path(__file__).parent / "settings"
RESIZE_EVERY_S = 30.0  # a resize throws away what came after the last checkpoint, so not too often


def main() -> str:
    settings = load(Settings, sys.argv[1:], FOLDER)
    check(settings)
    set_defaults(settings.workers, preemptible=settings.preemptible)
    import ray

    ray.init(logging_level="WARNING")
    result = trainer_for(settings).fit()
    return told(result.return_value)


def check(settings: Settings) -> None:
    """Raises ValueError, before anything is started, for what would fail on the ranks."""
    from lm.checkpoints.interval import Interval
    from lm.layout import Layout

    Interval.of(settings.checkpoints.every, settings.checkpoints.interruptions_per_hour)
    for size in range(settings.workers.fewest, settings.workers.most + 1):
        Layout.of(settings.parallel, size, model=settings.model, parts=settings.parts, batch=settings.batch)


def trainer_for(settings: Settings, *, callbacks: Sequence[UserCallback] = (), outlived: bool = False) -> TorchTrainer:
    """All that is needed for a run; `.fit()` runs it and raises what Ray Train raises.

    The result's `return_value` is what `worker.train` returns. `outlived`: the driver goes on when the run was ended.
    Raises ValueError if there is too little text.
    """
    from ray.train import LoggingConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig

    storage = storage_of(settings.checkpoints.storage, "lm")
    settings = replace(settings, checkpoints=replace(settings.checkpoints, storage=storage))
    return trainer_class(READER, *([] if outlived else [CLEANER]))(
        train_on_worker,
        train_loop_config={"settings": settings, "texts": texts(settings)},
        torch_config=TorchConfig(backend="nccl" if settings.gpus_per_worker else "gloo"),
        scaling_config=ScalingConfig(
            num_workers=settings.workers.range,
            use_gpu=settings.gpus_per_worker > 0,
            resources_per_worker=resources(settings),
            elastic_resize_monitor_interval_s=RESIZE_EVERY_S,
        ),
        run_config=RunConfig(
            name=settings.name,
            storage_path=storage,
            failure_config=failures(preemptible=settings.preemptible, most=settings.max_failures),
            logging_config=LoggingConfig(log_level="WARNING"),
            callbacks=list(callbacks),
        ),
    )


def texts(settings: Settings) -> tuple[Catalogue, Catalogue]:
    """What there is to learn from and to be held out, listed once: every rank then sees the same.

    Raises ValueError if there is too little for a step.
    """
    from lm.data import Catalogue, Order

    text, held_out = Catalogue.of(settings.data, "train"), Catalogue.of(settings.data, "validation")
    Order.of(text, settings)
    return text, held_out


def resources(settings: Settings) -> dict[str, float]:
    gpus = {"GPU": settings.gpus_per_worker} if settings.gpus_per_worker else {}
    return {"CPU": settings.cpus_per_worker, **gpus, **settings.resources}


def train_on_worker(config: dict[str, Any]) -> dict[str, Any]:
    from lm.worker import train  # torch comes with it, so not at the top of this file

    return train(config["settings"], *config["texts"])


def told(report: dict[str, Any]) -> str:
    """The last line."""
    return (
        f"validation loss {report['first_loss']:.2f} -> {report['validation_loss']:.2f} in {report['step']} steps, "
        f"{report['seconds']:.1f} s, {report['tokens_per_s']:,.0f} tokens/s; "
        f"checkpoint and {report['plot']} in {report['folder']}"
    )


if __name__ == "__main__":
    sys.exit(run(main))
