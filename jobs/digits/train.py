"""Train an image classifier, data-parallel: Ray Data feeds the ranks of Ray Train.

ray job submit --working-dir jobs -- python -m digits.train storage=/shared/runs epochs=5

The images come with scikit-learn, 1,797 hand-written digits: there is nothing to download. For images of your own,
`train_data` is where they are read (`ray.data.read_images`, `read_parquet`), and model.py what learns from them.
"""

from __future__ import annotations

import logging
import math
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from common.files import place, write_bytes
from common.outcome import run
from common.settings import AtLeast, Workers, load, said
from common.trainer import CLEANER, failures, set_defaults, storage_of, trainer_class

if TYPE_CHECKING:
    import ray.data
    from torch import nn
    from torch.optim import Optimizer

HELD_OUT_EVERY = 5  # one image in five is never learnt from
SHUFFLED_TOGETHER = 4096  # rows
BLOCKS = 2  # pieces that the images are read in
QUIET = {"RAY_DATA_LOG_LEVEL": "WARNING"}  # four lines an epoch otherwise, from Ray Data's processes too
MODEL_FILE = "model.pt"  # as in model.py, which imports torch: that is for the ranks alone
Rows = dict[str, np.ndarray]


@dataclass(frozen=True)
class Settings:
    name: str = said("digits", "of the run: a checkpoint of this name in the storage is resumed")
    storage: str = said("", "folder or s3:// that all nodes see; empty: a new temporary folder")
    epochs: int = said(5, "in all, resumed ones included", AtLeast(1))
    batch: int = said(64, "images of a step, over all workers", AtLeast(1))
    rate: float = said(2e-3, "AdamW's first rate; it falls to a tenth along half a cosine")
    seed: int = said(0, "of the weights and of the order of the images", AtLeast(0))
    workers: Workers = said(Workers(2, 2), "ranks: 2, or 1:4 for whatever there is room for")
    cpus_per_worker: float = said(1.0, "that Ray holds for a rank")
    gpus_per_worker: float = said(0.0, "0 trains on CPUs")
    resources: dict[str, float] = said({}, "of a worker besides, such as {burst: 1}")
    checkpoint_every: int = said(1, "epochs between checkpoints", AtLeast(1))
    preemptible: bool = said(False, "nodes may be taken away: go on after a loss")
    max_failures: int = said(3, "losses without notice that a preemptible run survives", AtLeast(0))

    def check(self) -> None:
        if self.batch < self.workers.most:
            raise ValueError(f"batch {self.batch} is less than an image for each of workers {self.workers}")

    @property
    def resources_per_worker(self) -> dict[str, float]:
        gpus = {"GPU": self.gpus_per_worker} if self.gpus_per_worker else {}
        return {"CPU": self.cpus_per_worker, **gpus, **self.resources}


def main() -> str:
    settings = load(Settings, sys.argv[1:], Path(__file__).parent / "settings")
    set_defaults(settings.workers, preemptible=settings.preemptible)
    import ray

    ray.init(logging_level="WARNING", runtime_env={"env_vars": {k: v for k, v in QUIET.items() if k not in os.environ}})
    storage = storage_of(settings.storage, "digits")
    result = fit(settings, storage)
    report = result.return_value
    return (
        f"accuracy {report['accuracy']:.1%} on {report['held_out']} held-out images after {settings.epochs} epochs, "
        f"{report['seconds']:.1f} s of training, model at {publish(result.checkpoint, storage, settings.name)}"
    )


def publish(checkpoint: Any, storage: str, name: str) -> str:
    """Copy the model out of the last checkpoint to where its users look for it: STORAGE/NAME/model.pt."""
    files, folder = place(storage)
    path = f"{folder}/{name}/{MODEL_FILE}"
    with checkpoint.filesystem.open_input_stream(f"{checkpoint.path}/{MODEL_FILE}") as file:
        write_bytes(files, path, file.read())
    return path


def fit(settings: Settings, storage: str) -> Any:
    """Raises what Ray Train raises."""
    import ray.data
    from ray.train import CheckpointConfig, LoggingConfig, RunConfig, ScalingConfig

    ray.data.DataContext.get_current().enable_progress_bars = False
    learnt, held_out = split(digits())
    trainer = trainer_class(CLEANER)(
        train,
        train_loop_config={"settings": settings, "held_out": held_out},
        datasets={"train": train_data(learnt)},
        scaling_config=ScalingConfig(
            num_workers=settings.workers.range,
            use_gpu=settings.gpus_per_worker > 0,
            resources_per_worker=settings.resources_per_worker,
        ),
        run_config=RunConfig(
            name=settings.name,
            storage_path=storage,
            failure_config=failures(preemptible=settings.preemptible, most=settings.max_failures),
            checkpoint_config=CheckpointConfig(num_to_keep=1),
            logging_config=LoggingConfig(log_level="WARNING"),
        ),
    )
    return trainer.fit()


def digits() -> Rows:
    """Images of 8 x 8 pixels from 0 to 16, and which digit each shows."""
    from sklearn.datasets import load_digits

    found = load_digits()
    return {"image": found.images.astype(np.uint8), "label": found.target.astype(np.int64)}


def split(rows: Rows) -> tuple[Rows, Rows]:
    """What is learnt from, and what is held out: by an image's place alone, so that every run holds out the same."""
    held_out = np.arange(len(rows["label"])) % HELD_OUT_EVERY == 0
    return {k: v[~held_out] for k, v in rows.items()}, {k: v[held_out] for k, v in rows.items()}


def train_data(learnt: Rows) -> ray.data.Dataset:
    """The ranks hold all CPUs that there are: a stage that asked for one too would wait for ever."""
    import ray.data

    images = [{"image": image, "label": label} for image, label in zip(learnt["image"], learnt["label"], strict=True)]
    data = ray.data.from_items(images, override_num_blocks=BLOCKS)
    return data.map_batches(moved, num_cpus=0, compute=ray.data.TaskPoolStrategy(1))


def moved(rows: Rows) -> Rows:
    """Each image as it is, and moved by one pixel up, down, left and right: five times as much to learn from."""
    padded = np.pad(rows["image"], ((0, 0), (1, 1), (1, 1)))
    places = [(1, 1), (0, 1), (2, 1), (1, 0), (1, 2)]  # of the window within the padding
    images = [padded[:, y : y + 8, x : x + 8] for y, x in places]
    return {"image": np.concatenate(images), "label": np.tile(rows["label"], len(places))}


def rate(first: float, epoch: int, epochs: int) -> float:
    """Along half a cosine to a tenth: by the epoch's number alone, so there is nothing to resume."""
    return first * (0.55 + 0.45 * math.cos(math.pi * epoch / epochs))


def train(config: dict[str, Any]) -> dict[str, float]:
    """What every rank runs. Returns what the driver's last line tells."""
    import torch
    from ray.train.torch import get_device, prepare_model

    from digits.model import Net, accuracy

    settings: Settings = config["settings"]
    logging.getLogger().setLevel(logging.WARNING)  # Ray Train would log each report at INFO
    torch.set_num_threads(1)  # one core a rank: more threads would only fight for it
    torch.manual_seed(settings.seed)  # every rank begins with the same weights
    net = Net().to(get_device())
    optimizer = torch.optim.AdamW(net.parameters(), settings.rate)
    progress = resumed(net, optimizer, settings)
    replica = prepare_model(net)  # averages the gradients over the ranks
    pixels, labels = (torch.tensor(config["held_out"][k], device=get_device()) for k in ("image", "label"))
    right = accuracy(net, pixels, labels)
    while progress["epoch"] < settings.epochs:
        begun = time.monotonic()
        loss, images = learn_epoch(replica, optimizer, settings, int(progress["epoch"]))
        progress["epoch"] += 1
        progress["seconds"] += (took := time.monotonic() - begun)
        right = accuracy(net, pixels, labels)  # few images: every rank reads them all
        numbers = f"loss {loss:.3f}  accuracy {right:.1%}  {images / took:,.0f} images/s"
        tell(progress_line(int(progress["epoch"]), settings, numbers, took))
        if progress["epoch"] % settings.checkpoint_every == 0 or progress["epoch"] == settings.epochs:
            checkpoint(net, optimizer, progress, {"loss": loss, "accuracy": right})
    return {"accuracy": right, "held_out": len(labels), "seconds": progress["seconds"]}


def learn_epoch(net: nn.Module, optimizer: Optimizer, settings: Settings, epoch: int) -> tuple[float, int]:
    """The mean loss of this rank, and how many images all saw: each equally many, so that none waits for another."""
    import ray.train

    from digits.model import learn

    for group in optimizer.param_groups:
        group["lr"] = rate(settings.rate, epoch, settings.epochs)
    ranks = ray.train.get_context().get_world_size()
    batches = ray.train.get_dataset_shard("train").iter_torch_batches(
        batch_size=settings.batch // ranks,
        local_shuffle_buffer_size=SHUFFLED_TOGETHER,
        local_shuffle_seed=settings.seed + epoch,
    )
    total, seen = 0.0, 0
    for batch in batches:
        size = len(batch["label"])
        total += learn(net, optimizer, batch["image"], batch["label"]) * size
        seen += size
    return total / seen, seen * ranks


def resumed(net: nn.Module, optimizer: Optimizer, settings: Settings) -> dict[str, float]:
    """How far this run is. Ray Train finds its last checkpoint by the run's name in its storage."""
    import ray.train

    from digits.model import resume

    checkpoint = ray.train.get_checkpoint()
    if checkpoint is None:
        return {"epoch": 0, "seconds": 0.0}
    with checkpoint.as_directory() as folder:
        progress = resume(Path(folder), net, optimizer)
    workers = f"{ray.train.get_context().get_world_size()} of {settings.workers.most} workers"
    tell(f"resumed at epoch {progress['epoch']} of {settings.epochs} with {workers}")
    return progress


def checkpoint(net: nn.Module, optimizer: Optimizer, progress: dict[str, float], metrics: dict[str, float]) -> None:
    """Rank 0 writes, for all ranks hold the same weights; all ranks report, for it is a barrier."""
    import ray.train

    from digits.model import save

    if ray.train.get_context().get_world_rank() > 0:
        ray.train.report(metrics)
        return
    with tempfile.TemporaryDirectory() as folder:
        save(Path(folder), net, optimizer, progress)
        ray.train.report(metrics, checkpoint=ray.train.Checkpoint.from_directory(folder))


def tell(line: str) -> None:
    """Once, not once a rank."""
    import ray.train

    if ray.train.get_context().get_world_rank() == 0:
        print(line, flush=True)


def progress_line(epoch: int, settings: Settings, numbers: str, epoch_s: float) -> str:
    """`epoch 3/6  loss 0.123  accuracy 97.5%  9,000 images/s  ETA 0:03  checkpoint after epoch 4`."""
    left_s = round((settings.epochs - epoch) * epoch_s)
    line = f"epoch {epoch}/{settings.epochs}  {numbers}  ETA {left_s // 60}:{left_s % 60:02}"
    following = min((epoch // settings.checkpoint_every + 1) * settings.checkpoint_every, settings.epochs)
    return line if epoch == settings.epochs else f"{line}  checkpoint after epoch {following}"


if __name__ == "__main__":
    from digits.train import main as by_name  # so that the ranks import this module rather than get it pickled

    sys.exit(run(by_name))
