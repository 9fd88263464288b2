"""What every rank runs: the steps. Here torch and Ray Train meet."""

from __future__ import annotations

import logging
import time

import ray.train
import ray.train.collective
import ray.util
import torch
import torch.distributed as dist
from data import Batch, Split, batch_seed, load_split, sample
from learn import Learner
from model import ByteModel, ModelConfig
from settings import Settings
from torch import Tensor

TELL_EVERY_S = 1.0


def train(settings: Settings) -> dict[str, float]:
    """Returns what the driver's last line tells."""
    logging.getLogger().setLevel(logging.WARNING)  # Ray Train would log each report at INFO
    torch.set_num_threads(1)  # one core a rank: more threads would only fight for it
    torch.manual_seed(settings.seed)  # every rank begins with the same weights
    rank = Rank(settings, load_split())
    first_loss = rank.validate()
    rank.tell(
        f"{rank.size} workers, {rank.learner.weights.numel():,} parameters, {len(rank.text.train):,} bytes of text, "
        f"validation loss {first_loss:.2f}"
    )
    seconds = rank.run_steps()
    last_loss = rank.validate()
    rank.leave()
    return {"first_loss": first_loss, "last_loss": last_loss, "steps": settings.steps, "seconds": seconds}


class Rank:
    """One of several equal processes: the same weights, another part of each batch."""

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
        dist.all_reduce(value.div_(self.size))
        return value

    def tell(self, line: str) -> None:
        if self.rank == 0:
            print(line, flush=True)

    def read(self, text: Tensor, batch: int, seed: int) -> Batch:
        return sample(text, batch=batch, context=self.settings.context, seed=seed)

    def validate(self) -> float:
        return self.learner.evaluate(self.read(self.text.validation, 4 * self.settings.batch, self.rank))

    def step(self) -> Tensor:
        s = self.settings
        seed = batch_seed(s.seed, self.learner.step, self.rank, self.size)
        return self.learner.learn(self.read(self.text.train, s.batch, seed), s.steps)

    def run_steps(self) -> float:
        """Returns the seconds that they took."""
        s, learner = self.settings, self.learner
        begun = told_at = time.monotonic()
        told_step = 0
        while learner.step < s.steps:
            loss = float(self.step())
            now = time.monotonic()
            if now - told_at >= TELL_EVERY_S:
                speed = (learner.step - told_step) * s.batch * s.context * self.size / (now - told_at)
                self.tell(f"step {learner.step}/{s.steps}  loss {loss:.2f}  {speed:,.0f} tokens/s")
                told_at, told_step = now, learner.step
        return time.monotonic() - begun
