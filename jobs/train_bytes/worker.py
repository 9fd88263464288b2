"""What every rank runs: the steps, and now and then a checkpoint. Here torch and Ray Train meet."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import ray.train
import ray.train.collective
import ray.util
import torch
import torch.distributed as dist
from data import Batch, Split, batch_seed, joined, load_split, sample
from learn import Learner
from model import ByteModel, ModelConfig
from notice import Act, Notice
from progress import Progress, ProgressFile, resumed
from ray.train import CheckpointConsistencyMode
from settings import Settings
from torch import Tensor

STATE_FILE = "state.pt"
TELL_EVERY_S = 1.0
COMMIT_WAIT_S = 60.0


def train(settings: Settings) -> dict[str, float]:
    """Returns what the driver's last line tells."""
    logging.getLogger().setLevel(logging.WARNING)  # Ray Train would log each report at INFO
    torch.set_num_threads(1)  # one core a rank: more threads would only fight for it
    torch.manual_seed(settings.seed)  # every rank begins with the same weights
    rank = Rank(settings, load_split())
    learner = rank.learner
    rank.resume()
    if learner.step == 0:
        learner.first_loss = rank.validate()
        rank.tell(
            f"{rank.size} workers, {learner.weights.numel():,} parameters, {len(rank.text.train):,} bytes of text, "
            f"validation loss {learner.first_loss:.2f}"
        )
    rank.note_progress()
    try:
        rank.run_steps()
    finally:  # if another rank is lost, this one says how far it came
        rank.progress_file.close(rank.progress)
    last_loss = rank.validate()
    rank.checkpoint(last_loss)
    rank.leave()
    return {"first_loss": learner.first_loss, "last_loss": last_loss, "steps": learner.step, "seconds": learner.seconds}


class Rank:
    """One of several equal processes: the same weights, other parts of each batch.

    A batch has as many parts as there are workers at most. Fewer workers take several parts each, and the run
    goes on as if nothing had happened, only slower.
    """

    def __init__(self, settings: Settings, text: Split) -> None:
        context = ray.train.get_context()
        self.rank, self.size = context.get_world_rank(), context.get_world_size()
        self.parts = range(self.rank, settings.most_workers, self.size)
        self.settings = settings
        self.text = text
        self.saved_step = -1
        self.notice = Notice()
        storage = context.get_storage()
        self.progress_file = ProgressFile(storage.storage_filesystem, storage.experiment_fs_path)
        self.learner = Learner(ByteModel(ModelConfig(context=settings.context)), self.mean)
        self._join()

    def _join(self) -> None:
        """Rank 0 opens the store on a free port and tells the others where it is."""
        host = ray.util.get_node_ip_address()
        store = dist.TCPStore(host, 0, is_master=True, wait_for_workers=False) if self.rank == 0 else None
        where = (host, store.port) if store else None
        host, port = ray.train.collective.broadcast_from_rank_zero(where)
        store = store or dist.TCPStore(host, port)
        dist.init_process_group("gloo", store=store, rank=self.rank, world_size=self.size)

    def leave(self) -> None:
        dist.destroy_process_group()

    def mean(self, value: Tensor) -> Tensor:
        """Over the parts of the batch: a collective, so every rank must call it equally often."""
        dist.all_reduce(value.mul_(len(self.parts) / self.settings.most_workers))
        return value

    def agree(self, number: int) -> int:
        """Rank 0's number, in every rank: a collective. Clocks differ, and ranks must not."""
        said = torch.tensor(number)
        dist.broadcast(said, src=0)
        return int(said)

    def tell(self, line: str) -> None:
        if self.rank == 0:
            print(line, flush=True)

    @property
    def progress(self) -> Progress:
        return Progress(self.learner.step, self.learner.seconds, time.time())

    def note_progress(self) -> None:
        if self.rank == 0:
            self.progress_file.note(self.progress)

    def read(self, text: Tensor, batch: int, seeds: Iterable[int]) -> Batch:
        return joined(sample(text, batch=batch, context=self.settings.context, seed=seed) for seed in seeds)

    def validate(self) -> float:
        loss: float = self.learner.evaluate(self.read(self.text.validation, 4 * self.settings.batch, self.parts))
        return loss

    def step(self) -> Tensor:
        s = self.settings
        seeds = (batch_seed(s.seed, self.learner.step, part, s.most_workers) for part in self.parts)
        return self.learner.learn(self.read(self.text.train, s.batch, seeds), s.steps)

    def run_steps(self) -> None:
        s, learner = self.settings, self.learner
        told_at, told_step = time.monotonic(), learner.step
        begun = told_at - learner.seconds
        while learner.step < s.steps:
            loss = float(self.step())
            now = time.monotonic()
            learner.seconds = now - begun
            if now - told_at >= TELL_EVERY_S:
                speed = (learner.step - told_step) * s.batch * s.context * s.most_workers / (now - told_at)
                self.tell(f"step {learner.step}/{s.steps}  loss {loss:.2f}  {speed:,.0f} tokens/s")
                self.note_progress()
                told_at, told_step = now, learner.step
            if learner.step % s.checkpoint_every == 0 and learner.step < s.steps:
                self.checkpoint(loss)
            if s.preemptible and learner.step < s.steps:
                self.heed_notices(loss)

    def heed_notices(self, loss: float) -> None:
        """Rank 0's clock decides for all what happens next."""
        act = self.agree(self.notice.act(time.time()))
        if act == Act.ASK and self.notice.hear(ray.train.get_preemption_info()):
            self.save_in_time(loss, "a node goes")
            act = self.agree(self.notice.act(time.time()))
        if act == Act.SAVE_AND_WAIT:
            self.save_in_time(loss, "the deadline is near")
            self.progress_file.close(self.progress)
            while True:  # more steps would be lost, and to return would end the run: Ray Train ends us at the deadline
                time.sleep(1)

    def save_in_time(self, loss: float, why: str) -> None:
        begun = time.monotonic()
        self.checkpoint(loss)
        if self.rank == 0:  # written is not enough: only what Ray Train has noted is found again
            left_s = max(0.0, min(COMMIT_WAIT_S, self.notice.deadline - time.time()))
            ray.train.get_all_reported_checkpoints(CheckpointConsistencyMode.COMMITTED, timeout_s=left_s)
        seconds = time.monotonic() - begun
        self.notice.wrote(seconds)
        left = self.notice.left(time.time())
        self.tell(f"{why}: checkpoint at step {self.learner.step} in {seconds:.1f} s, {left}")

    def checkpoint(self, loss: float) -> None:
        """Rank 0 writes, for all ranks hold the same weights; all ranks report, for it is a barrier."""
        if self.saved_step == self.learner.step:
            return
        self.saved_step = self.learner.step
        metrics = {"step": self.learner.step, "loss": loss}
        if self.rank > 0:
            ray.train.report(metrics)
            return
        with tempfile.TemporaryDirectory() as folder:
            self.learner.save(Path(folder) / STATE_FILE)
            ray.train.report(metrics, checkpoint=ray.train.Checkpoint.from_directory(folder))

    def resume(self) -> None:
        """From this run's last checkpoint: Ray Train finds it by the run's name in its storage."""
        checkpoint, reached = ray.train.get_checkpoint(), self.progress_file.read()
        if checkpoint is not None:
            with checkpoint.as_directory() as folder:
                self.learner.load(Path(folder) / STATE_FILE)
        if checkpoint is not None or reached is not None:  # lost before its first checkpoint, a run begins anew
            s = self.settings
            where = f"at step {self.learner.step} of {s.steps} with {self.size} of {s.most_workers} workers"
            self.tell(resumed(where, self.progress, reached))
