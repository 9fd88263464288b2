"""What every rank runs: the same frozen base and the same adapters, other parts of each batch."""

from __future__ import annotations

import io
import logging
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import ray.train
import ray.train.torch
import torch
import torch.distributed as dist
from torch import Tensor

from finetune.lora import adapt, adapters, merged
from finetune.settings import Settings
from finetune.text import Text, seed_of, windows
from lm.checkpoints.loader import load
from lm.checkpoints.saver import Saver
from lm.checkpoints.store import Store
from lm.model import Decoder, next_byte_loss
from lm.settings import Model

STATE_FILE = "adapters.pt"
TELL_EVERY_S = 2.0
VALIDATION_STEP = -1  # its windows are nobody else's

Losses = tuple[float, float]  # on the new text, and on the base's own


@dataclass
class Course:
    """How far the run has come; in each checkpoint."""

    step: int = 0
    seconds: float = 0.0
    before: Losses | None = None


def train(settings: Settings) -> dict[str, Any]:
    """Returns what the driver's last line tells."""
    logging.getLogger().setLevel(logging.WARNING)  # Ray Train would log each report at INFO
    if not settings.gpus_per_worker:
        torch.set_num_threads(max(1, int(settings.cpus_per_worker)))  # more threads would only fight for cores
    rank = Rank(settings)
    rank.resume()
    rank.begin()
    rank.run_steps()
    after = rank.validate()
    rank.checkpoint()
    if settings.merge:
        rank.save_merged()
    return vars(rank.course) | {"after": after}


class Rank:
    """A batch has as many parts as there are workers at most; with fewer workers each takes several."""

    def __init__(self, settings: Settings) -> None:
        context = ray.train.get_context()
        self.rank, self.size = context.get_world_rank(), context.get_world_size()
        self.settings = s = settings
        self.parts = range(self.rank, s.workers.most, self.size)
        self.device = ray.train.torch.get_device()
        self.text, self.base_text = Text.of(s.text, s.suffixes), Text.of(s.base_text)
        self.course, self.saved_step = Course(), -1
        self.control = dist.new_group(backend="gloo")
        self.model = self.base_model().to(self.device)
        adapt(self.model, s.lora.targets, s.lora.rank, s.lora.alpha, s.seed)
        self.adapters = adapters(self.model)
        self.optimizer = torch.optim.AdamW(self.adapters.values(), lr=s.rate, weight_decay=0.0)

    def base_model(self) -> Decoder:
        """Raises ValueError if there is none."""
        store = Store.of_run(self.settings.base)
        if not store.steps():
            raise ValueError(
                f"base={self.settings.base}: no checkpoint is under it; it takes a run's folder, STORAGE/NAME"
            )
        model = Decoder(Model(**store.read(store.steps()[-1]).extra["model"]))
        state = model.state_dict()
        load(store, {"model": state}, self.control, self.tell)
        model.load_state_dict(state)
        return model

    def tell(self, line: str) -> None:
        if self.rank == 0:
            print(line, flush=True)

    # -- the course of a run ----------------------------------------------------------------------

    def begin(self) -> None:
        if self.course.before is not None:
            return
        self.course.before = new, base = self.validate()
        learnt = sum(p.numel() for p in self.adapters.values())
        frozen = sum(p.numel() for p in self.model.parameters()) - learnt
        self.tell(
            f"{self.size} workers, {learnt:,} parameters learn and {frozen:,} are frozen; validation loss {new:.2f} "
            f"on {self.settings.text}, {base:.2f} on {self.settings.base_text}"
        )

    def run_steps(self) -> None:
        s, c = self.settings, self.course
        begun = told_at = time.monotonic()
        begun -= c.seconds
        while c.step < s.steps:
            loss = self.learn()
            c.step += 1
            now = time.monotonic()
            c.seconds = now - begun
            if now - told_at >= TELL_EVERY_S:
                self.tell(
                    f"step {c.step}/{s.steps}  loss {loss:.2f}  ETA {(s.steps - c.step) * c.seconds / c.step:.0f} s"
                )
                told_at = now
            if c.step % s.checkpoint_steps == 0 and c.step < s.steps:
                self.checkpoint()

    def learn(self) -> float:
        """One step; the mean loss over the batch, before it. A collective."""
        s, step = self.settings, self.course.step
        for group in self.optimizer.param_groups:
            group["lr"] = s.rate * min(1.0, (step + 1) / s.warmup_steps) * (1 - step / s.steps)
        loss = self.loss(self.text.train, step, s.sequences, s.seed)
        self.optimizer.zero_grad()
        torch.autograd.backward(loss)
        gradients = [p.grad for p in self.adapters.values()]
        flat = self.mean(torch.cat([g.flatten() for g in gradients] + [loss.detach().view(1)]))  # one call for all
        for gradient, mean in zip(gradients, flat[:-1].split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(mean.view_as(gradient))
        self.optimizer.step()
        return float(flat[-1])

    def loss(self, text: Tensor, step: int, sequences: int, seed: int) -> Tensor:
        """The mean over this rank's parts of the batch, in nats a byte."""
        s = self.settings
        context = self.model.config.context
        seeds = [seed_of(seed, step, part, s.workers.most) for part in self.parts]
        parts = [windows(text, sequences=sequences, context=context, seed=one) for one in seeds]
        tokens, targets = (torch.cat(t).to(self.device) for t in zip(*parts, strict=True))
        positions = torch.arange(context, device=self.device).expand_as(tokens)
        return next_byte_loss(self.model(tokens, positions), targets) / targets.numel()

    def mean(self, value: Tensor) -> Tensor:
        """Over the parts of the batch. A collective."""
        dist.all_reduce(value.mul_(len(self.parts) / self.settings.workers.most))
        return value

    def validate(self) -> Losses:
        """On the same held-out windows each time. A collective."""
        s = self.settings
        each = -(-s.validation_sequences // s.workers.most)
        with torch.no_grad():
            new, base = (
                self.mean(self.loss(text.held_out, VALIDATION_STEP, each, 0)) for text in (self.text, self.base_text)
            )
        return float(new), float(base)

    # -- checkpoints ------------------------------------------------------------------------------

    def checkpoint(self) -> None:
        """The adapters and their optimizer alone: rank 0 writes, and all report, for it is a barrier."""
        c = self.course
        if self.saved_step == c.step:
            return
        self.saved_step = c.step
        if self.rank > 0:
            ray.train.report({"step": c.step})
            return
        state = {"adapters": dict(self.adapters), "optimizer": self.optimizer.state_dict(), "course": vars(c)}
        with tempfile.TemporaryDirectory() as folder:
            torch.save(state, Path(folder) / STATE_FILE)
            ray.train.report({"step": c.step}, checkpoint=ray.train.Checkpoint.from_directory(folder))

    def resume(self) -> None:
        """From this run's last checkpoint: Ray Train finds it by the run's name in its storage."""
        checkpoint = ray.train.get_checkpoint()
        if checkpoint is None:
            return
        with checkpoint.as_directory() as folder:
            state = torch.load(Path(folder) / STATE_FILE, map_location=self.device, weights_only=True)
        with torch.no_grad():
            for name, weights in self.adapters.items():
                weights.copy_(state["adapters"][name])
        self.optimizer.load_state_dict(state["optimizer"])
        self.course = Course(**state["course"])
        self.saved_step = self.course.step
        self.tell(f"resumed at step {self.course.step} of {self.settings.steps} with {self.size} workers")

    def save_merged(self) -> None:
        """Full weights, as jobs/lm loads them with `start_from`. A collective."""
        weights = merged(self.model)
        store = Store(self.settings.storage, f"{self.settings.name}-merged")
        saver = Saver(store, self.control, asynchronous=False, keep=1, keep_every_steps=0)
        saver.save(self.course.step, {"model": weights}, {"model": asdict(self.model.config)})
        saver.close()
        small, full = size(dict(self.adapters)), size(weights)
        self.tell(f"the adapters take {small:,} bytes, the full weights {full:,}: {full / small:.0f} times as much")


def size(weights: dict[str, Tensor]) -> int:
    """As a file, in bytes."""
    file = io.BytesIO()
    torch.save({name: w.detach() for name, w in weights.items()}, file)
    return file.tell()
