"""Fine-tune a language model that jobs/lm trained: LoRA, data-parallel, with Ray Train.

ray job submit --working-dir jobs -- python -m finetune.train base=STORAGE/NAME [SETTINGS.yaml] [key=value ...]

This is the driver; what the ranks do is in worker.py. `--help` lists the settings.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.outcome import run
from common.settings import load
from common.trainer import CLEANER, READER, failures, set_defaults, storage_of, trainer_class
from finetune.settings import Settings

if TYPE_CHECKING:
    from ray.train.torch import TorchTrainer

FOLDER = Path(__file__).parent / "settings"


def main() -> str:
    settings = with_full_paths(load(Settings, sys.argv[1:], FOLDER))
    set_defaults(settings.workers, preemptible=settings.preemptible)
    import ray

    ray.init(logging_level="WARNING")
    return told(settings, trainer_for(settings).fit().return_value)


def with_full_paths(settings: Settings) -> Settings:
    """A worker runs in another folder than the driver."""
    s = settings
    text, base_text = (t if t in ("manual", "python") else storage_of(t, "") for t in (s.text, s.base_text))
    where = {"storage": storage_of(s.storage, "lora"), "base": storage_of(s.base, "")}
    return replace(s, text=text, base_text=base_text, **where)


def trainer_for(settings: Settings) -> TorchTrainer:
    from ray.train import CheckpointConfig, LoggingConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig

    s = settings
    gpus = {"GPU": s.gpus_per_worker} if s.gpus_per_worker else {}
    return trainer_class(READER, CLEANER)(
        train_on_worker,
        train_loop_config={"settings": settings},
        torch_config=TorchConfig(backend="nccl" if gpus else "gloo"),
        scaling_config=ScalingConfig(
            num_workers=s.workers.range,
            use_gpu=bool(gpus),
            resources_per_worker={"CPU": s.cpus_per_worker, **gpus},
        ),
        run_config=RunConfig(
            name=s.name,
            storage_path=s.storage,
            failure_config=failures(preemptible=s.preemptible, most=s.max_failures),
            checkpoint_config=CheckpointConfig(num_to_keep=1),
            logging_config=LoggingConfig(log_level="WARNING"),
        ),
    )


def train_on_worker(config: dict[str, Any]) -> dict[str, Any]:
    from finetune.worker import train  # torch comes with it, so not at the top of this file

    return train(config["settings"])


def told(settings: Settings, report: dict[str, Any]) -> str:
    """The last line."""
    (new_before, base_before), (new_after, base_after) = report["before"], report["after"]
    where = f"{settings.storage}/{settings.name}"
    return (
        f"validation loss on {settings.text} {new_before:.2f} -> {new_after:.2f}, on {settings.base_text} "
        f"{base_before:.2f} -> {base_after:.2f} in {report['step']} steps, {report['seconds']:.1f} s; "
        f"adapters in {where}" + (f", full weights in {where}-merged" if settings.merge else "")
    )


if __name__ == "__main__":
    sys.exit(run(main))
