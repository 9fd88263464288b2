"""What every rank runs: the steps. Here the parts of a run meet Ray Train."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator
from dataclasses import asdict
from itertools import chain
from typing import Any

import ray.train
import ray.train.torch
import torch

from common.telling import Teller
from lm.data import Catalogue, Order
from lm.engine import Engine, Step
from lm.keeper import Course, Keeper
from lm.layout import Layout
from lm.settings import Settings
from lm.stream import Parts, batches, validation


def train(settings: Settings, text: Catalogue, held_out: Catalogue) -> dict[str, Any]:
    """Returns what the driver's last line tells, which takes it from the first rank."""
    logging.getLogger().setLevel(logging.WARNING)  # Ray Train would log each report at INFO
    if not settings.gpus_per_worker:
        torch.set_num_threads(settings.threads or max(1, int(settings.cpus_per_worker)))  # more would fight for cores
    rank = Rank(settings, text, held_out)
    rank.begin()
    try:
        rank.run_steps()
    finally:  # if another rank is lost, this one says how far it came
        rank.keeper.progress_file.close(rank.keeper.progress)
    return rank.end()


class Rank:
    """One of several processes that train one model together.

    A batch has as many parts as `settings.parts`, however many ranks there are to share them. With fewer ranks the
    run goes on as if nothing had happened, only slower.
    """

    def __init__(self, settings: Settings, text: Catalogue, held_out: Catalogue) -> None:
        context = ray.train.get_context()
        self.rank, self.size = context.get_world_rank(), context.get_world_size()
        self.settings = s = settings
        self.text = text
        self.order = Order.of(text, s)
        self.layout = Layout.of(s.parallel, self.size, model=s.model, parts=s.parts, batch=s.batch)
        self.engine = Engine(s, self.layout, ray.train.torch.get_device())
        self.looks = validation(held_out, s, self.parts)
        self.course = Course(order=self.order.identity, model=asdict(s.model))
        self.keeper = Keeper(s, self.engine, self.course, self.tell, self.flush)
        self.last = Step(math.nan, math.nan, 0.0, skipped=False)
        self.validation_loss = math.nan
        self.teller: Teller | None = None

    @property
    def parts(self) -> list[int]:
        """Of each batch, those that are this rank's."""
        return list(range(self.layout.data_rank(self.rank), self.settings.parts, self.layout.data_ranks))

    def begin(self) -> None:
        c, keeper = self.course, self.keeper
        keeper.resume()
        files = (keeper.files, keeper.folder)
        if self.rank == 0:
            self.teller = Teller(self.settings.tell, *files, self.settings.steps, c.step)
        if math.isnan(c.first_loss):
            c.first_loss = self.validate()
            self.tell(
                f"{self.size} workers ({self.layout}), {self.engine.parameters_total:,} parameters, "
                f"{self.text.size_bytes:,} bytes of text, {self.order.steps_per_epoch:,} steps an epoch, "
                f"validation loss {c.first_loss:.2f}"
            )
        keeper.note_progress()

    def run_steps(self) -> None:
        tell, c = self.settings.tell, self.course
        stream = batches(self.text, self.order, self.parts, c.step)
        stream = chain([next(stream)], stream)  # to start reading is no training
        begun = time.monotonic() - c.seconds
        while c.step < self.settings.steps:
            self.learn(stream, begun)
            if c.step == self.settings.steps:
                break
            self.keeper.keep()
            if tell.validate_steps and c.step % tell.validate_steps == 0:
                self.validate()
            if tell.report_steps and c.step % tell.report_steps == 0:
                self.report()

    def learn(self, stream: Iterator[list[Parts]], begun: float) -> None:
        c, before_s = self.course, self.course.seconds
        self.last = self.engine.step(next(stream), c.step)
        c.step += 1
        c.seconds = time.monotonic() - begun
        if self.teller is None:
            return
        speed = self.engine.tokens_per_step / (c.seconds - before_s)
        last = self.last
        numbers = {"loss": last.loss, "grad_norm": last.grad_norm, "tokens_per_s": speed, "rate": last.rate}
        if self.teller.record(c.step, numbers, self.keeper.next_checkpoint()):
            self.keeper.note_progress()

    def end(self) -> dict[str, Any]:
        """The last look at held-out text, the last checkpoint, the last report."""
        loss, c = self.validate(), self.course
        self.keeper.finish()
        self.report()
        report = {
            "step": c.step,
            "seconds": c.seconds,
            "first_loss": c.first_loss,
            "validation_loss": loss,
            "tokens_per_s": c.step * self.engine.tokens_per_step / c.seconds if c.seconds else 0.0,
            "folder": self.keeper.folder,
        }
        if self.teller is None:
            return report
        self.teller.close()
        return report | {"plot": self.teller.plot(self.settings.name, self.engine.tokens_per_step)}

    def tell(self, line: str) -> None:
        if self.rank == 0:
            print(line, flush=True)

    def flush(self) -> None:
        if self.teller is not None:
            self.teller.flush()

    def validate(self) -> float:
        """The mean loss over the held-out sequences. A collective, as a step is."""
        self.validation_loss = self.engine.evaluate(self.looks)
        if self.teller is not None:
            self.teller.validation(self.course.step, self.validation_loss)
        return self.validation_loss

    def report(self, **more: float) -> None:
        """To Ray Train, and through it to Tune where that has begun the run. A barrier."""
        numbers = {
            "step": self.course.step,
            "loss": self.last.loss,
            "checkpoint_step": self.keeper.saver.committed_step,
        }
        ray.train.report(numbers | more)
