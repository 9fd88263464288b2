"""What each layout of the language model's training costs on four ranks, beside the same work in one process.

Both are kept alive and take turns, so that what else the machine does hits both.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from perf_harness import Measured, benchmark, overhead
from perf_sites import Bench

_JOBS = str(Path(__file__).parents[2] / "jobs")
_RANKS, _PAIRS = 4, 5
_LAYOUTS: dict[str, dict[str, Any]] = {
    "data": {},
    "fully_sharded": {"fully_sharded": _RANKS},
    "tensor": {"tensor": _RANKS},
    "pipeline": {"pipeline": _RANKS},
    "context": {"context": _RANKS},
}


@dataclass(frozen=True)
class _Work:
    """A run of so many ranks. On CPUs the batch is the same for one and for four, on GPUs it grows with the ranks."""

    ranks: int
    parallel: dict[str, Any]
    gpus: bool

    @property
    def parts(self) -> int:
        return self.ranks if self.gpus else _RANKS

    @property
    def threads(self) -> int:
        return max(1, len(os.sched_getaffinity(0)) // self.ranks)

    def settings(self) -> Any:
        """Large enough that a step is mostly matrix products: 4 million weights on CPUs, 100 million on GPUs."""
        from common.settings import Workers
        from lm import settings as s

        width, layers, context = (1024, 8, 1024) if self.gpus else (256, 4, 256)
        return s.Settings(
            workers=Workers(self.ranks, self.ranks),
            data=s.Data(parts=self.parts),
            model=s.Model(width=width, layers=layers, heads=8, kv_heads=4, context=context),
            batch=s.Batch(sequences=8 if self.gpus else 2),
            parallel=s.Parallel(**self.parallel),
            precision=s.Precision(kind="bf16" if self.gpus else "fp32"),
        )


def _measure(parallel: dict[str, Any]) -> Callable[[Bench], Measured]:
    def measure(bench: Bench) -> Measured:
        import torch

        gpus = torch.cuda.device_count() >= _RANKS
        alone, together = _Work(1, {}, gpus), _Work(_RANKS, parallel, gpus)
        with _gang(alone, bench.folder()) as one, _gang(together, bench.folder()) as four:
            return overhead(bench.pairs(one, four, _PAIRS, warm=2))

    return measure


for _name, _parallel in _LAYOUTS.items():
    benchmark(f"scaling_efficiency_{_name}_4", "ratio", more_is_better=True)(_measure(_parallel))


@contextmanager
def _gang(work: _Work, folder: Path) -> Iterator[Callable[[], float]]:
    """The ranks of a run, as a function that takes one step and returns the seconds of the slowest rank."""
    context = multiprocessing.get_context("spawn")
    pipes, ranks = [], []
    for rank in range(work.ranks):
        ours, theirs = context.Pipe()
        ranks.append(context.Process(target=_rank, args=(theirs, work, rank, str(folder / "store")), daemon=True))
        ranks[-1].start()
        theirs.close()  # a rank that dies then shows as the end of the pipe
        pipes.append(ours)

    def step() -> float:
        for pipe in pipes:
            pipe.send("step")
        return max(pipe.recv() for pipe in pipes)

    try:
        yield step
    finally:
        for process in ranks:
            process.kill()
            process.join()


def _rank(pipe: Connection, work: _Work, rank: int, store: str) -> None:
    sys.path.insert(0, _JOBS)
    import torch
    import torch.distributed as dist

    from lm.engine import Engine
    from lm.layout import BACKENDS, Layout

    torch.set_num_threads(work.threads)
    device = torch.device("cuda", rank) if work.gpus else torch.device("cpu")
    if work.gpus:
        torch.cuda.set_device(device)
    if work.ranks > 1:
        files = dist.FileStore(store, work.ranks)
        dist.init_process_group(BACKENDS[device.type], store=files, rank=rank, world_size=work.ranks)
    s = work.settings()
    layout = Layout.of(s.parallel, work.ranks, model=s.model, parts=s.parts, batch=s.batch)
    engine = Engine(s, layout, device)
    texts = torch.randint(256, (s.parts, s.batch.sequences, s.model.context + 1), generator=torch.manual_seed(0))
    mine = [(text[:, :-1], text[:, 1:]) for text in texts[layout.data_rank(rank) :: layout.data_ranks]]
    step = 0
    while pipe.recv():
        begun = time.perf_counter()
        engine.step(mine, step)  # it returns numbers, so a GPU has done its work by then
        pipe.send(time.perf_counter() - begun)
        step += 1
