"""Speed, memory and loss of one model on this machine's device, in one arithmetic after the other. No Ray in here.

python -m lm.measure [SETTINGS.yaml] [key=value ...]

`--help` lists the settings. All runs begin with the same weights and learn from the same text.
"""

from __future__ import annotations

import gc
import itertools
import statistics
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from common import outcome
from common.settings import AtLeast, Choice, Workers, load, said
from lm.data import Catalogue, Order
from lm.engine import Engine, Part
from lm.flops import multiplied_weights, utilisation
from lm.layout import Layout
from lm.measurement import Row, table, write
from lm.settings import Batch, Data, Model, Optimizer, Precision, Settings
from lm.stream import local_batches

FOLDER = Path(__file__).parent / "settings"
ARITHMETIC = ("fp32", "tf32", "bf16", "fp16", "fp8")
EXTRAS = ("checkpointing", "compile")


@dataclass(frozen=True)
class Measure:
    runs: tuple[str, ...] = said(ARITHMETIC, "in this order: one of these, and +checkpointing or +compile as wanted")
    steps: int = said(10, "that are timed", AtLeast(1))
    warmup_steps: int = said(3, "before them, that are not", AtLeast(0))
    device: str = said("auto", "`auto` takes a GPU where there is one", Choice("auto", "cpu", "cuda"))
    out: str = said("", "a JSON file for all that was measured; empty: none")
    seed: int = said(0, "of weights and data order")
    model: Model = field(default_factory=Model)
    data: Data = field(default_factory=Data)
    batch: Batch = field(default_factory=Batch)
    optimizer: Optimizer = field(default_factory=Optimizer)

    def check(self) -> None:
        for run in self.runs:
            kind, *extras = run.split("+")
            if kind not in ARITHMETIC or not set(extras) <= set(EXTRAS):
                raise ValueError(f"runs: '{run}' is none of {', '.join(ARITHMETIC)} with +{' or +'.join(EXTRAS)}")

    def training(self, run: str) -> Settings:
        """What the job itself would be told, for one process."""
        kind, *extras = run.split("+")
        precision = Precision(
            kind="fp32" if kind == "tf32" else kind,
            activation_checkpointing="checkpointing" in extras,
            compile="compile" in extras,
        )
        return Settings(
            steps=self.warmup_steps + self.steps,
            seed=self.seed,
            workers=Workers(1, 1),
            model=self.model,
            data=self.data,
            batch=self.batch,
            precision=precision,
            optimizer=self.optimizer,
        )


def main() -> str:
    measure = load(Measure, sys.argv[1:], FOLDER, "measure.yaml")
    device = the_device(measure.device)
    chip = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    batches = text(measure)
    rows: list[Row] = []
    for run in measure.runs:
        print(f"measures {run} ({len(rows) + 1} of {len(measure.runs)})", flush=True)
        rows.append(attempt(measure, run, device, chip, batches))
        if measure.out:
            write(Path(measure.out), about(measure, chip), rows)
    print(table(rows, title(measure, chip)))
    if dist.is_initialized():  # by the engines' layout, where there was one
        dist.destroy_process_group()
    return f"measured {sum(not row.why_not for row in rows)} of {len(rows)} runs" + (
        measure.out and f", all in {measure.out}"
    )


def about(measure: Measure, chip: str) -> dict[str, Any]:
    return {"chip": chip, "torch": torch.__version__, **asdict(measure)}


def title(measure: Measure, chip: str) -> str:
    settings = measure.training("fp32")
    tokens = settings.parts * settings.batch.sequences * settings.model.context
    return (
        f"{chip}, torch {torch.__version__}: a model of {multiplied_weights(measure.model):,} weights in matrices, "
        f"{tokens:,} bytes a step, {measure.steps} steps after {measure.warmup_steps}"
    )


def the_device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def text(measure: Measure) -> list[list[Part]]:
    """The batches of all steps, read before anything is timed."""
    settings = measure.training("fp32")
    catalogue = Catalogue.of(settings.data, "train")
    stream = local_batches(catalogue, Order.of(catalogue, settings), list(range(settings.parts)), 0)
    return list(itertools.islice(stream, settings.steps))


def attempt(measure: Measure, run: str, device: torch.device, chip: str, batches: list[list[Part]]) -> Row:
    """What was measured, or why it could not be."""
    try:
        return one(measure, run, device, chip, batches)
    except ValueError as error:
        return Row(run, why_not=str(error))
    except torch.OutOfMemoryError:
        return Row(run, why_not="out of memory: lower batch.micro")
    finally:
        if "compile" in run:
            torch.compiler.reset()  # or the next run finds this one's code
        gc.collect()
        if device.type == "cuda":
            torch.cuda.empty_cache()


def one(measure: Measure, run: str, device: torch.device, chip: str, batches: list[list[Part]]) -> Row:
    held = torch.cuda.memory_allocated(device) if device.type == "cuda" else 0
    engine = engine_for(measure, run, device)
    for step, parts in enumerate(batches[: measure.warmup_steps]):
        engine.step(parts, step)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    times = []
    for step, parts in enumerate(batches[measure.warmup_steps :], measure.warmup_steps):
        seconds, last = timed_step(engine, parts, step, device)
        times.append(seconds)
    speed = engine.tokens_per_step / statistics.median(times)
    return Row(
        run,
        tokens_per_s=speed,
        step_s=times,
        peak_bytes=torch.cuda.max_memory_allocated(device) - held if device.type == "cuda" else None,
        utilisation=utilisation(measure.model, speed, chip, run.split("+", maxsplit=1)[0]),
        loss=last,
    )


def engine_for(measure: Measure, run: str, device: torch.device) -> Engine:
    """Raises ValueError where this device cannot do that run."""
    settings = measure.training(run)
    layout = Layout.of(settings.parallel, 1, model=settings.model, parts=settings.parts, batch=settings.batch)
    engine = Engine(settings, layout, device)
    if run.startswith("tf32"):
        if device.type != "cuda" or torch.cuda.get_device_capability(device) < (8, 0):
            raise ValueError("tf32 needs a GPU of compute capability 8.0")
        torch.set_float32_matmul_precision("high")  # the engine turned it off
    return engine


def timed_step(engine: Engine, parts: list[Part], step: int, device: torch.device) -> tuple[float, float]:
    """Seconds until the device is done with it, and its loss."""
    begun = time.perf_counter()
    loss = engine.step(parts, step).loss
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - begun, loss


if __name__ == "__main__":
    sys.exit(outcome.run(main))
