"""Keeps a run's checkpoints: takes one up at the start, and writes them when it is time or when a node is to go."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import ray.train
import torch
import torch.distributed as dist

from common.files import place
from common.notice import Act, Notice
from common.progress import Progress, ProgressFile, resumed
from lm.checkpoints.interval import Interval
from lm.checkpoints.loader import load
from lm.checkpoints.saver import Saver
from lm.checkpoints.store import Store
from lm.engine import Engine
from lm.settings import Settings

WAIT_S = 1.0

Tell = Callable[[str], None]


@dataclass
class Course:
    """How far a run has come: what a checkpoint holds besides the engine's state."""

    step: int = 0
    seconds: float = 0.0  # of training, in all lives of the run
    first_loss: float = math.nan
    order: dict[str, Any] = field(default_factory=dict)  # what the order of the text follows from
    model: dict[str, Any] = field(default_factory=dict)  # settings.Model, for whoever reads the weights


class Keeper:
    """Every rank has one. All methods but `progress` and `note_progress` are collectives."""

    def __init__(
        self, settings: Settings, engine: Engine, course: Course, tell: Tell, on_save: Callable[[], None]
    ) -> None:
        s = settings.checkpoints
        context = ray.train.get_context()
        self.rank, self.size = context.get_world_rank(), context.get_world_size()
        self.settings, self.engine, self.course = settings, engine, course
        self.tell, self.on_save = tell, on_save
        self.control = dist.new_group(backend="gloo")  # small words between ranks, also where tensors go over NCCL
        self.store = Store(s.storage, settings.name)
        self.saver = Saver(
            self.store,
            dist.new_group(backend="gloo"),
            asynchronous=s.asynchronous,
            keep=s.keep,
            keep_every_steps=s.keep_every_steps,
        )
        nodes = math.ceil(self.size / context.get_local_world_size())
        self.interval = Interval.of(s.every, s.interruptions_per_hour * nodes)
        self.notice = Notice()
        self.files, folder = place(s.storage)
        self.folder = f"{folder}/{settings.name}"
        self.files.create_dir(self.folder)
        self.progress_file = ProgressFile(self.files, self.folder)

    # -- taking up --------------------------------------------------------------------------------

    def resume(self) -> None:
        """From this run's last checkpoint, else from the weights of the run that it starts from, else anew."""
        state, reached = self.engine.state(), self.progress_file.read()
        found = load(self.store, state, self.control, self.tell)
        if found is not None:
            self.engine.load(state)
            self._take_up(found.extra)
        elif self.settings.start_from:
            self._take_weights(self.settings.start_from)
        if found is not None or reached is not None:  # lost before its first checkpoint, a run begins anew
            s = self.settings
            where = f"at step {self.course.step} of {s.steps} with {self.size} of {s.workers.most} workers"
            self.tell(resumed(where, self.progress, reached))
        self.interval.start(self.course.step, time.monotonic())

    def _take_up(self, extra: dict[str, Any]) -> None:
        if extra["order"] != self.course.order:
            self.tell(f"the text comes in another order from here: by {self.course.order}, before by {extra['order']}")
        vars(self.course).update(extra | {"order": self.course.order, "model": self.course.model})

    def _take_weights(self, run: str) -> None:
        """Raises ValueError if there are none."""
        state = self.engine.state()
        found = load(Store.of_run(run), {"model": state["model"]}, self.control, self.tell)
        if found is None:
            raise ValueError(f"start_from={run}: no checkpoint is under it; it takes the folder of a run, STORAGE/NAME")
        self.engine.load(state)
        self.tell(f"begins with the weights of {run} at step {found.step}")

    # -- writing ----------------------------------------------------------------------------------

    def keep(self) -> None:
        """To be called after every step that is not the last."""
        act, is_due = self._agreed()
        if act == Act.ASK and self.notice.hear(ray.train.get_preemption_info()):
            self._save_in_time("a node goes")
            act, is_due = self._agreed()
        if act == Act.SAVE_AND_WAIT:
            self._save_in_time("the deadline is near")
            self.progress_file.close(self.progress)
            while True:  # more steps would be lost, and to return would end the run: Ray Train ends us at the deadline
                time.sleep(WAIT_S)
        if is_due:
            self.save()

    def _agreed(self) -> tuple[Act, bool]:
        """What all do next, and whether a checkpoint is due: the first rank's clock decides."""
        act = self.notice.act(time.time()) if self.settings.preemptible else Act.GO_ON
        said = torch.tensor([act, self.interval.due(self.course.step, time.monotonic())], dtype=torch.int64)
        dist.broadcast(said, src=0, group=self.control)
        return Act(int(said[0])), bool(said[1])

    def save(self) -> None:
        """Where checkpoints are asynchronous, only the copy is waited for."""
        stall_s = self.saver.save(self.course.step, self.engine.state(), vars(self.course))
        self.interval.measured(stall_s, self.saver.last_write_s)
        self.interval.start(self.course.step, time.monotonic())
        self.on_save()

    def _save_in_time(self, why: str) -> None:
        begun = time.monotonic()
        self.save()
        self.saver.wait()
        seconds = time.monotonic() - begun
        self.notice.wrote(seconds)
        left = self.notice.left(time.time())
        self.tell(f"{why}: checkpoint at step {self.course.step} in {seconds:.1f} s, {left}")

    def finish(self) -> None:
        """The last checkpoint, written to its end."""
        self.save()
        self.saver.close()

    # -- words ------------------------------------------------------------------------------------

    @property
    def progress(self) -> Progress:
        return Progress(self.course.step, self.course.seconds, time.time())

    def note_progress(self) -> None:
        if self.rank == 0:
            self.progress_file.note(self.progress)

    def next_checkpoint(self) -> str:
        """For people."""
        return self.interval.next_in(self.course.step, time.monotonic())
