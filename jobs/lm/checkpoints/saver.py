"""Writes checkpoints, beside the training or in its way."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch.distributed as dist
from torch.distributed.checkpoint import DefaultSavePlanner, Metadata, SavePlan
from torch.distributed.checkpoint.storage import WriteResult

from lm.checkpoints.arrow_files import ArrowWriter, FileSum
from lm.checkpoints.ranks import CheckpointError, Ranks
from lm.checkpoints.staging import Staging
from lm.checkpoints.store import Manifest, Store, plain

Written = tuple[list[WriteResult], dict[str, FileSum]]


class Saver:
    """Every rank has one and calls it at the same steps. All methods are collectives.

    `group` is a gloo group for the writing thread alone (`dist.new_group(backend="gloo")`): what the training says
    to other ranks meanwhile must not come between. None is a single process. The first asynchronous save takes longer
    than later ones, for it allocates the buffers.
    """

    def __init__(
        self,
        store: Store,
        group: dist.ProcessGroup | None,
        *,
        asynchronous: bool = True,
        keep: int = 2,
        keep_every_steps: int = 0,
    ) -> None:
        if keep < 1:
            raise ValueError(f"keep={keep}: at least 1 checkpoint has to stay")
        self.store, self.keep, self.keep_every_steps = store, keep, keep_every_steps
        self.asynchronous = asynchronous
        self.committed_step = -1  # the last one that this saver has committed
        self.last_stall_s = 0.0
        self.last_write_s = 0.0  # from `save` until it was committed
        self._ranks = Ranks(group)
        self._staging = Staging()
        self._thread = ThreadPoolExecutor(1, "checkpoint")
        self._work: Future[None] | None = None
        self._ranks.first(store.remove_incomplete)

    def save(self, step: int, state: dict[str, Any], extra: dict[str, Any]) -> float:
        """Returns for how many seconds it kept the caller. `extra` must fit into JSON.

        Waits first if one is being written, and raises CheckpointError if that failed. A step that is committed
        already is not written again.
        """
        began = time.monotonic()
        extra = plain(extra)
        self.wait()
        if self.asynchronous:
            self._work = self._thread.submit(self._write, step, self._staging.copy(state), extra, began)
        else:
            self._write(step, state, extra, began)
        self.last_stall_s = time.monotonic() - began
        return self.last_stall_s

    def wait(self) -> None:
        """Until what was begun is committed. Raises CheckpointError if it was not; the checkpoint before it stays."""
        if self._work is not None:
            work, self._work = self._work, None
            work.result()

    @property
    def is_writing(self) -> bool:
        """Of this rank alone: no collective."""
        return self._work is not None and not self._work.done()

    def close(self) -> None:
        """Wait, and end the thread."""
        try:
            self.wait()
        finally:
            self._thread.shutdown()

    def _write(self, step: int, state: dict[str, Any], extra: dict[str, Any], began: float) -> None:
        try:
            _Writing(self, self._ranks, step, extra).write(state)
        except Exception as error:
            where = self.store.shown(step)
            raise CheckpointError(f"no checkpoint in {where}, the one before it stays: {error}") from error
        self.last_write_s = time.monotonic() - began
        self.committed_step = step


class _Writing:
    """One checkpoint on its way: the ranks plan together, each writes its file, the first one commits."""

    def __init__(self, saver: Saver, ranks: Ranks, step: int, extra: dict[str, Any]) -> None:
        self.saver, self.store, self.ranks = saver, saver.store, ranks
        self.step, self.extra = step, extra
        self.planner = DefaultSavePlanner()
        self.writer = ArrowWriter(self.store.files, self.store.folder(step))
        self.metadata = Metadata({})

    def write(self, state: dict[str, Any]) -> None:
        plan = self.ranks.deal(lambda: self.wish(state), self.plans)
        if plan is not None:
            self.ranks.deal(lambda: self.written(plan), self.committed)

    def wish(self, state: dict[str, Any]) -> SavePlan:
        self.planner.set_up_planner(state, is_coordinator=self.ranks.rank == 0)
        return self.planner.create_local_plan()

    def plans(self, wishes: list[SavePlan]) -> list[SavePlan] | list[None]:
        """Who writes what: of what several ranks hold, one writes each tensor."""
        if self.step in self.store.steps() and self.step not in self.store.bad:
            return [None] * len(wishes)
        self.store.begin(self.step)
        plans, self.metadata = self.planner.create_global_plan(wishes)
        return self.writer.prepare_global_plan(plans)

    def written(self, plan: SavePlan) -> Written:
        results = self.writer.write_data(self.planner.finish_plan(plan), self.planner).wait()
        return results, self.writer.fs.sums

    def committed(self, every: list[Written]) -> list[None]:
        self.writer.finish(self.metadata, [results for results, _ in every])
        sums = self.writer.fs.sums | {path: one for _, theirs in every for path, one in theirs.items()}
        files = {path.rpartition("/")[2]: one for path, one in sums.items()}
        self.store.commit(Manifest(self.step, len(every), files, self.extra))
        self.store.prune(self.step, self.saver.keep, self.saver.keep_every_steps)
        return [None] * len(every)
