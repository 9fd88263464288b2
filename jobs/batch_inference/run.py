"""Run a trained model over many inputs: Ray Data streams them through a pool of replicas of the model.

ray job submit --working-dir jobs -- python -m batch_inference.run model=/shared/runs/digits out=/shared/results

Inputs are cut into parts, and each part becomes one Parquet file. Submitted again, the job does the parts whose files
are missing. For a model of your own, `Replica` is what loads and calls it, and parts.py what reads its inputs.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from pyarrow.fs import FileSystem

from batch_inference.parts import Counts, Digits, ImageFiles, Plan, Source, results, write, written
from common.files import place, read_bytes
from common.outcome import run
from common.settings import AtLeast, Workers, load, said

MODEL_FILE = "model.pt"
TRAIN_FIRST = "train one first: ray job submit --working-dir jobs -- python -m digits.train storage=FOLDER"
ENVIRONMENT = {"RAY_COLOR_PREFIX": "0", "RAY_DATA_LOG_LEVEL": "WARNING"}

Batch = dict[str, np.ndarray]


def trained(model: str) -> None:
    if not model:
        raise ValueError(f"there is no model to run; {TRAIN_FIRST}, then model=FOLDER/digits")


def named(folder: str) -> None:
    if not folder:
        raise ValueError("where do the results go? Name a folder or s3:// that all nodes see")


@dataclass(frozen=True)
class Settings:
    model: str = said("", "folder of a run of digits.train: STORAGE/NAME", trained)
    out: str = said("", "folder or s3:// for the results, seen by all nodes; what is there is not done again", named)
    input: str = said("digits", "`digits`: scikit-learn's images; or a folder or s3:// of images, searched in depth")
    repeat: int = said(100, "of the digits: how often each comes", AtLeast(1))
    rows_per_file: int = said(
        10_000, "of a part; a part that was not written when a node went is done again", AtLeast(1)
    )
    batch: int = said(512, "images that go through the model at once", AtLeast(1))
    replicas: Workers = said(Workers(1, 2), "of the model: 2, or 1:8 for whatever there is room for")
    cpus_per_replica: float = said(1.0, "that Ray holds for a replica")
    gpus_per_replica: float = said(0.0, "0 infers on CPUs")
    resources: dict[str, float] = said({}, "of a replica besides, such as {burst: 1}")
    tell_every_s: float = said(2.0, "between lines of progress")


def main() -> str:
    settings = load(Settings, sys.argv[1:], Path(__file__).parent / "settings")
    model = model_file(settings.model)
    source = Digits.of(settings.repeat) if settings.input == "digits" else ImageFiles.of(settings.input)
    plan = Plan.of(settings.input, source, settings.rows_per_file, sha256(model).hexdigest())
    files, folder = place(settings.out)
    plan.keep(files, folder)
    there = written(files, folder)
    work = Work(plan, source, files, folder, [part for part in plan.parts if part not in there])
    before = Counts().plus(there.values())
    if not work.parts:
        return f"{before.rows:,} rows in {folder}, all there already{before.accuracy()}"
    progress = Progress(plan, before, settings.tell_every_s)
    for part in stream(work, model, settings):
        progress.take(part)
    return progress.last_line(folder)


def model_file(run_folder: str) -> bytes:
    files, folder = place(run_folder)
    try:
        return read_bytes(files, f"{folder}/{MODEL_FILE}")
    except FileNotFoundError:
        raise ValueError(f"model {run_folder} holds no {MODEL_FILE}; {TRAIN_FIRST}") from None


@dataclass(frozen=True)
class Work:
    """What is to be done, as every node gets it."""

    plan: Plan
    source: Source
    files: FileSystem
    folder: str
    parts: list[int]


def stream(work: Work, model: bytes, settings: Settings) -> Iterator[Counts]:
    """Counts of each part as its file is written. A row of the data is a part, so no part can be torn between blocks.

    Reading and writing take no CPU in Ray's books: the replicas may hold all that there are, and would wait for ever.
    """
    for name, value in ENVIRONMENT.items():  # before Ray reads them; whoever runs the job may have set others
        os.environ.setdefault(name, value)
    import ray.data

    ray.init(logging_level="WARNING")
    ray.data.DataContext.get_current().enable_progress_bars = False
    replicas = settings.replicas
    pool = ray.data.ActorPoolStrategy(min_size=replicas.fewest, max_size=replicas.most)
    beside = {"compute": ray.data.TaskPoolStrategy(replicas.most), "num_cpus": 0, "fn_kwargs": {"work": work}}
    data = (
        ray.data.from_items([{"part": part} for part in work.parts], override_num_blocks=len(work.parts))
        .map_batches(read, batch_size=1, **beside)
        .map_batches(
            Replica,
            batch_size=1,
            fn_constructor_kwargs={"model": model, "images_at_once": settings.batch},
            compute=pool,
            num_cpus=settings.cpus_per_replica,
            num_gpus=settings.gpus_per_replica,
            resources=settings.resources,
        )
        .map_batches(store, batch_size=1, **beside)
    )
    for row in data.iter_rows():
        yield Counts(*(int(row[name]) for name in Counts._fields))


def read(batch: Batch, work: Work) -> Batch:
    pixels, labels = work.source.read(work.plan.rows_of(int(batch["part"][0])))
    return {"part": batch["part"], "pixels": pixels[None], "label": labels[None]}


class Replica:
    """One copy of the model, in a process of its own."""

    def __init__(self, model: bytes, images_at_once: int) -> None:
        import torch

        from digits.model import trained

        torch.set_num_threads(1)  # one core a replica: more threads would only fight for it
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.net = trained(model).to(self.device)
        self.images_at_once = images_at_once

    def __call__(self, batch: Batch) -> Batch:
        import torch

        with torch.inference_mode():
            pieces = torch.tensor(batch["pixels"][0]).split(self.images_at_once)
            confidence, prediction = torch.cat([self.net(p.to(self.device)).softmax(1) for p in pieces]).max(1)
        said = {"prediction": prediction.cpu().numpy()[None], "confidence": confidence.cpu().numpy()[None]}
        return {"part": batch["part"], "label": batch["label"], **said}


def store(batch: Batch, work: Work) -> Batch:
    """Done again, it writes the same file again."""
    part = int(batch["part"][0])
    columns = (batch[name][0] for name in ("prediction", "confidence", "label"))
    counts = write(work.files, work.folder, part, results(work.plan.rows_of(part), work.source, *columns))
    return {name: np.array([number]) for name, number in counts._asdict().items()}


class Progress:
    """Counts what is written, and says so now and then. The speed is that of this run, its start included."""

    def __init__(self, plan: Plan, before: Counts, every_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.plan, self.before, self.counts = plan, before, before
        self.every_s, self.clock = every_s, clock
        self.begun = self.told_at = clock()
        if before.rows:
            print(f"resumed with {before.rows:,} of {plan.rows:,} rows written", flush=True)

    @property
    def seconds(self) -> float:
        return self.clock() - self.begun

    @property
    def rows_per_s(self) -> float:
        return (self.counts.rows - self.before.rows) / self.seconds

    def take(self, part: Counts) -> None:
        self.counts = self.counts.plus([part])
        if self.clock() - self.told_at >= self.every_s:
            self.told_at = self.clock()
            print(self.line(), flush=True)

    def line(self) -> str:
        left_s = round((self.plan.rows - self.counts.rows) / self.rows_per_s)
        share = f"{self.counts.rows:,}/{self.plan.rows:,} rows"
        return f"{share}  {self.rows_per_s:,.0f} rows/s  ETA {left_s // 60}:{left_s % 60:02}"

    def last_line(self, folder: str) -> str:
        now, before = self.counts, self.before.rows
        done = f"{now.rows - before:,} rows in {self.seconds:.1f} s, {self.rows_per_s:,.0f} rows/s"
        earlier = f" beside {before:,} of earlier runs" if before else ""
        return f"{done}{now.accuracy()}, {len(self.plan.parts)} files in {folder}{earlier}"


if __name__ == "__main__":
    from batch_inference.run import main as by_name  # so that the nodes import this module rather than get it pickled

    sys.exit(run(by_name))
