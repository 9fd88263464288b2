"""What every rank runs: the steps, and now and then a checkpoint. Here torch and Ray Train meet."""

from __future__ import annotations

import logging
import tempfile
import time
from pathlib import Path

import ray.train
import ray.train.collective
import ray.util
import torch
import torch.distributed as dist
from data import Split, batch_seed, load_split, sample
from learn import Learner
from model import ByteModel, ModelConfig
from settings import Settings
from torch import Tensor

STATE_FILE = "state.pt"
TELL_EVERY_S = 1.0


def train(settings: Settings) -> dict[str, float]:
    """Returns what the driver's last line tells."""
    logging.getLogger().setLevel(logging.WARNING)  # Ray Train would log each report at INFO
    torch.set_num_threads(1)  # one core a rank: more threads would only fight for it
    torch.manual_seed(settings.seed)  # every rank begins with the same weights
    rank = Rank(settings, load_split())
    learner = rank.learner
    if rank.resume():
        rank.tell(f"resumed {settings.run_name} at step {learner.step} of {settings.steps}")
    else:
        learner.first_loss = rank.validate()
        rank.tell(
            f"{rank.size} workers, {learner.weights.numel():,} parameters, {len(rank.text.train):,} bytes of text, "
            f"validation loss {learner.first_loss:.2f}"
        )
    begun = time.monotonic()
    rank.run_steps()
    seconds = time.monotonic() - begun
    last_loss = rank.validate()
    rank.checkpoint(last_loss)
    rank.leave()
    return {"first_loss": learner.first_loss, "last_loss": last_loss, "steps": learner.step, "seconds": seconds}


class Rank:
    """One of several equal processes: the same weights, another part of the text."""

    def __init__(self, settings: Settings, text: Split) -> None:
        context = ray.train.get_context()
        self.rank, self.size = context.get_world_rank(), context.get_world_size()
        self.settings = settings
        self.text = text
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
        """Over the ranks: a collective, so every rank must call it equally often."""
        dist.all_reduce(value)
        return value.div_(self.size)

    def tell(self, line: str) -> None:
        if self.rank == 0:
            print(line, flush=True)

    def validate(self) -> float:
        s = self.settings
        batch = sample(self.text.validation, batch=4 * s.batch, context=s.context, seed=self.rank)
        loss: float = self.learner.evaluate(batch)
        return loss

    def step(self) -> Tensor:
        s = self.settings
        seed = batch_seed(s.seed, self.learner.step, self.rank, self.size)
        return self.learner.learn(sample(self.text.train, batch=s.batch, context=s.context, seed=seed), s.steps)

    def run_steps(self) -> None:
        s, learner = self.settings, self.learner
        told_at, told_step = time.monotonic(), learner.step
        while learner.step < s.steps:
            loss = float(self.step())
            seconds = time.monotonic() - told_at
            if seconds >= TELL_EVERY_S:
                speed = (learner.step - told_step) * s.batch * s.context * self.size / seconds
                self.tell(f"step {learner.step}/{s.steps}  loss {loss:.2f}  {speed:,.0f} tokens/s")
                told_at, told_step = time.monotonic(), learner.step
            if learner.step % s.checkpoint_every == 0 and learner.step < s.steps:
                self.checkpoint(loss)

    def checkpoint(self, loss: float) -> None:
        """Rank 0 writes, for all ranks hold the same weights; all ranks report, for it is a barrier."""
        metrics = {"step": self.learner.step, "loss": loss}
        if self.rank > 0:
            ray.train.report(metrics)
            return
        with tempfile.TemporaryDirectory() as folder:
            self.learner.save(Path(folder) / STATE_FILE)
            ray.train.report(metrics, checkpoint=ray.train.Checkpoint.from_directory(folder))

    def resume(self) -> bool:
        """From this run's last checkpoint: Ray Train finds it by the run's name in its storage."""
        checkpoint = ray.train.get_checkpoint()
        if checkpoint is None:
            return False
        with checkpoint.as_directory() as folder:
            self.learner.load(Path(folder) / STATE_FILE)
        return True
