"""What rank 0 does with a run's numbers: a line of progress now and then, and all that keeps or shows them."""

from __future__ import annotations

import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from pyarrow.fs import FileSystem

from common.files import write_bytes
from common.metrics import MetricsFile, MLflow, Numbers, RayGauges, Sink, TensorBoard

PLOT_FILE = "loss.png"


class Wishes(Protocol):
    """Part of a job's settings."""

    @property
    def every_s(self) -> float: ...

    @property
    def tensorboard(self) -> bool: ...

    @property
    def mlflow(self) -> str: ...


class Pace:
    """How fast steps follow each other. All times are of a monotonic clock, in seconds."""

    def __init__(self, now: float) -> None:
        self._told_at = now
        self._first: tuple[int, float] | None = None
        self._step_s_per_token = 0.0
        self._steps = 0

    def step(self, step: int, tokens_per_s: float, now: float) -> None:
        self._first = self._first or (step, now)  # the first step is slower than all that follow
        self._step_s_per_token += 1 / tokens_per_s
        self._steps += 1

    def is_due(self, every_s: float, now: float) -> bool:
        return now - self._told_at >= every_s

    def tokens_per_s(self, now: float) -> float:
        """Over the steps since the last time; steps alone, without checkpoints."""
        speed = self._steps / self._step_s_per_token
        self._told_at, self._steps, self._step_s_per_token = now, 0, 0.0
        return speed

    def left(self, step: int, steps: int, now: float) -> str:
        """The time to the end, as all of this life went, checkpoints included. Empty after a single step."""
        first_step, first_at = self._first or (step, now)
        if step <= first_step:
            return ""
        return f"ETA {clock((steps - step) * (now - first_at) / (step - first_step))}"


class Teller:
    """`record` takes the numbers of every step: loss, grad_norm, tokens_per_s, rate."""

    def __init__(self, tell: Wishes, files: FileSystem, folder: str, steps: int, start_step: int) -> None:
        self._every_s, self._steps = tell.every_s, steps
        self._files, self._folder = files, folder
        run = folder.rstrip("/").rpartition("/")[2]
        self._file = MetricsFile(files, folder, start_step)
        self._every_step: list[Sink] = [self._file]
        self._when_told: list[Sink] = [RayGauges(run)]
        if tell.tensorboard and _is_installed("tensorboard", "tensorboardX"):
            self._every_step.append(TensorBoard(files, folder, start_step))
        if tell.mlflow and _is_installed("mlflow"):
            self._when_told.append(MLflow(tell.mlflow, files, folder, run))
        self._pace = Pace(time.monotonic())

    def record(self, step: int, numbers: Numbers, next_checkpoint: str) -> bool:
        """True if it was time for a line of progress."""
        now = time.monotonic()
        self._pace.step(step, numbers["tokens_per_s"], now)
        _put(self._every_step, step, numbers)
        if step < self._steps and not self._pace.is_due(self._every_s, now):
            return False
        numbers = numbers | {"tokens_per_s": self._pace.tokens_per_s(now)}
        _put(self._when_told, step, numbers)
        left = self._pace.left(step, self._steps, now)
        print(progress_line(step, self._steps, numbers, left, next_checkpoint), flush=True)
        return True

    def validation(self, step: int, loss: float) -> None:
        _put([*self._every_step, *self._when_told], step, {"validation_loss": loss})

    def flush(self) -> None:
        for sink in self._sinks:
            sink.flush()

    def close(self) -> None:
        """Waits until all is written."""
        for sink in self._sinks:
            sink.close()

    def plot(self, title: str, tokens_per_step: int = 0) -> str:
        """Writes the loss over the steps beside the checkpoints. Returns the file's name, or why there is none."""
        if find_spec("matplotlib") is None:
            return f"no {PLOT_FILE} (matplotlib is not installed)"
        from common.plot import loss_plot

        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / PLOT_FILE
            loss_plot(self._file.rows, path, title, tokens_per_step)
            write_bytes(self._files, f"{self._folder}/{PLOT_FILE}", path.read_bytes())
        return PLOT_FILE

    @property
    def _sinks(self) -> list[Sink]:
        return [*self._every_step, *self._when_told]


def progress_line(step: int, steps: int, numbers: Numbers, left: str, next_checkpoint: str) -> str:
    """`step 120/300  loss 2.31  grad 0.84  12,345 tokens/s  ETA 0:42  checkpoint in 35 s`."""
    parts = [
        f"step {step}/{steps}",
        f"loss {numbers['loss']:.2f}",
        f"grad {numbers['grad_norm']:.2f}",
        f"{numbers['tokens_per_s']:,.0f} tokens/s",
    ]
    if step < steps:
        parts += [left, f"checkpoint in {next_checkpoint}" if next_checkpoint != "never" else ""]
    return "  ".join(part for part in parts if part)


def clock(seconds: float) -> str:
    """`0:42`, `12:05`, `3:12:05`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"


def _put(sinks: list[Sink], step: int, numbers: Numbers) -> None:
    for sink in sinks:
        sink.put(step, numbers)


def _is_installed(*packages: str) -> bool:
    """Any of them will do. Where there is none, that is said."""
    if any(find_spec(package) for package in packages):
        return True
    print(f"tell.{packages[0]} is set, but {packages[0]} is not installed: the run goes on without it", flush=True)
    return False
