"""Checkpoints of the language model's training: how long they keep it from its work, and how near they come to the disk."""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from perf_harness import Measured, benchmark, overhead
from perf_sites import Bench

_JOBS = str(Path(__file__).parents[2] / "jobs")
_PAIRS = 6
_TENSORS, _EACH = 32, 750_000  # and two moments of AdamW: 288 MB of fp32
_STEPS = 12


@benchmark("checkpoint_stall_async_vs_sync", "ratio", aim=0.2)
def stall(bench: Bench) -> Measured:
    """For how long a checkpoint keeps the training from its next step: written beside it, over written in its way."""
    return _both_ways(bench, lambda training, made: training.through(made)[0])


@benchmark("checkpoint_lost_async_vs_sync", "ratio")
def lost(bench: Bench) -> Measured:
    """The same with how much slower the steps are while it is written."""
    return _both_ways(bench, lambda training, made: training.through(made)[1])


def _both_ways(bench: Bench, measure: Callable[[_Training, _Checkpoints], float]) -> Measured:
    with _one_thread():
        training = _Training()
        beside, in_the_way = (_Checkpoints(bench.folder(), asynchronous=how) for how in (True, False))
        try:
            return overhead(
                bench.pairs(lambda: measure(training, beside), lambda: measure(training, in_the_way), _PAIRS)
            )
        finally:
            beside.saver.close()
            in_the_way.saver.close()


@benchmark("checkpoint_write_vs_disk", "ratio", aim=0.8, more_is_better=True)
def write(bench: Bench) -> Measured:
    """Bytes a second of a synchronous checkpoint, checksums and fsync included, over write and fsync of as many bytes."""
    with _one_thread():
        training, made = _Training(), _Checkpoints(bench.folder(), asynchronous=False)
        try:
            made.save(training.state)  # whose size the baseline takes
            return overhead(bench.pairs(lambda: made.bytes_per_s(training.state), made.plain_bytes_per_s, _PAIRS))
        finally:
            made.saver.close()


@contextmanager
def _one_thread() -> Iterator[None]:
    """As a rank on CPUs has; what writes beside it finds the other cores."""
    import torch

    sys.path.insert(0, _JOBS)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        sys.path.remove(_JOBS)


class _Checkpoints:
    """A run's checkpoints in a folder, of which the newest stays."""

    def __init__(self, folder: Path, *, asynchronous: bool) -> None:
        from lm.checkpoints.saver import Saver
        from lm.checkpoints.store import Store

        self._folder = folder
        self.store = Store(str(folder), "run")
        self.saver = Saver(self.store, None, asynchronous=asynchronous, keep=1)
        self._steps = 0

    def save(self, state: dict[str, Any]) -> None:
        self._steps += 1
        self.saver.save(self._steps, state, {})

    @property
    def size_bytes(self) -> int:
        return sum(path.stat().st_size for path in Path(self.store.folder(self._steps)).iterdir())

    def bytes_per_s(self, state: dict[str, Any]) -> float:
        self.save(state)
        return self.size_bytes / self.saver.last_write_s

    def plain_bytes_per_s(self) -> float:
        """Memory that is at hand, in blocks of 4 MiB, to a new file of the same disk."""
        size, block, path = self.size_bytes, os.urandom(4 << 20), self._folder / "plain"
        began = time.perf_counter()
        with path.open("wb", buffering=0) as file:
            for start in range(0, size, len(block)):
                file.write(block[: size - start])
            os.fsync(file.fileno())
        took = time.perf_counter() - began
        path.unlink()
        return size / took


class _Training:
    """Matrix products and an update in place of all that is saved, on one thread."""

    def __init__(self) -> None:
        import torch

        weights = {f"w{n}": torch.randn(_EACH) for n in range(_TENSORS)}
        moments = {name: {"exp_avg": torch.randn(_EACH), "exp_avg_sq": torch.randn(_EACH)} for name in weights}
        self.state = {"model": weights, "optimizer": {"state": moments}}
        self._matrix = torch.randn(512, 512)

    def step(self) -> None:
        for _ in range(8):
            self._matrix @ self._matrix
        for name, weight in self.state["model"].items():
            weight.add_(self.state["optimizer"]["state"][name]["exp_avg"], alpha=1e-6)

    def through(self, made: _Checkpoints) -> tuple[float, float]:
        """Seconds that a save took, and seconds that were lost until it was committed.

        Lost is what is left of the time when each step is counted as long as one without a checkpoint.
        """
        step_s = statistics.median(_seconds(self.step) for _ in range(_STEPS))
        began, steps = time.perf_counter(), 0
        made.save(self.state)
        while made.saver.is_writing:
            self.step()
            steps += 1
        return made.saver.last_stall_s, time.perf_counter() - began - steps * step_s


def _seconds(what: Callable[[], None]) -> float:
    began = time.perf_counter()
    what()
    return time.perf_counter() - began
