"""One trial: a run of jobs/lm, whose reports go to Tune with a pointer to its last checkpoint."""

from __future__ import annotations

import json
import os
import secrets
import tempfile
import threading
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pyarrow.fs import copy_files
from ray import tune
from ray.train import UserCallback
from ray.util.queue import Empty, Queue

import lm.settings
from common.trainer import set_defaults
from lm.train import trainer_for
from sweep.space import Values, with_values

POINTER_FILE = "pointer.json"
POLL_S = 0.5
PATIENCE = ("RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S", "86400")  # members of a population wait for each other's CPUs


@dataclass(frozen=True)
class Pointer:
    """All that a checkpoint of Tune holds: the weights stay where jobs/lm wrote them."""

    trial: int
    run: str
    step: int


class Forward(UserCallback):
    """Lives beside the trainer, in another process than the trial: what rank 0 reports goes into a queue."""

    def __init__(self, queue: Queue) -> None:
        self.queue = queue

    def after_report(self, run_context: Any, metrics: list[dict[str, Any]], checkpoint: Any) -> None:
        self.queue.put(metrics[0])


def run_trial(config: dict[str, Any], base: lm.settings.Settings, runs: str) -> None:
    """What Tune starts for each trial, also after its node was lost, or to go on from another trial's checkpoint.

    `config` has the settings that differ from the base, and the pointer that the trial had when the sweep was cut off.
    """
    trial, config = int(tune.get_context().get_trial_name()), config["member"]
    pointer = latest() or (Pointer(**config["pointer"]) if config["pointer"] else None)
    run = run_of(trial, pointer, runs)
    checkpoints = replace(base.checkpoints, storage=runs)
    settings = replace(with_values(base, config["settings"]), name=run, checkpoints=checkpoints)
    for metrics in reports(settings):
        told = {"step": metrics["step"], "loss": metrics.get("validation_loss", metrics["loss"])}
        now = Pointer(trial, run, max(0, metrics.get("checkpoint_step", 0)))
        origin = pointer.trial if pointer and pointer.trial != trial else trial
        report(told | {"settings": config["settings"], "pointer": asdict(now), "origin": origin})


def run_of(trial: int, pointer: Pointer | None, runs: str) -> str:
    """The folder of its run, under which jobs/lm finds its checkpoints; a new one begins with a copy of another's."""
    if pointer is None:
        return f"{trial:03}"
    if pointer.trial == trial:
        return pointer.run
    run = f"{trial:03}-{secrets.token_hex(3)}"
    copy_checkpoint(runs, pointer, run)
    return run


def copy_checkpoint(runs: str, source: Pointer, run: str) -> None:
    """Weights, optimizer and step: the copy goes on where the other was. It counts only when it is whole."""
    from lm.checkpoints.store import Store

    theirs, mine = Store(runs, source.run), Store(runs, run)
    steps = [step for step in theirs.steps() if step <= source.step]
    if not steps:
        raise ValueError(f"{theirs.root} has no checkpoint up to step {source.step}: raise base.checkpoints.keep")
    step = steps[-1]
    manifest = theirs.read(step)
    mine.begin(step)
    for name in manifest.files:
        copy_files(f"{theirs.folder(step)}/{name}", f"{mine.folder(step)}/{name}", theirs.files, mine.files)
    mine.commit(manifest)


def reports(settings: lm.settings.Settings) -> Any:
    """What the run reports, as it comes. Raises what the run raises.

    If Tune ends the trial meanwhile, this process ends, and Ray ends the workers that it began.
    """
    set_defaults(settings.workers, preemptible=settings.preemptible)
    os.environ.setdefault(*PATIENCE)
    queue: Queue = Queue(actor_options={"num_cpus": 0})
    failed: list[BaseException] = []

    def fit() -> None:
        try:
            trainer_for(settings, callbacks=[Forward(queue)], outlived=True).fit()
        except BaseException as error:  # handed to the trial's own thread
            failed.append(error)

    fitting = threading.Thread(target=fit, daemon=True)
    fitting.start()
    while fitting.is_alive() or not queue.empty():
        try:
            yield queue.get(timeout=POLL_S)
        except Empty:
            continue
    if failed:
        raise failed[0]


def report(numbers: Values) -> None:
    """To Tune, which may end the trial here. The pointer is its checkpoint."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / POINTER_FILE).write_text(json.dumps(numbers["pointer"]))
        tune.report(numbers, checkpoint=tune.Checkpoint.from_directory(folder))


def latest() -> Pointer | None:
    """Tune's checkpoint: this trial's own, or another's that it is to go on from."""
    checkpoint = tune.get_checkpoint()
    if checkpoint is None:
        return None
    with checkpoint.as_directory() as folder:
        return Pointer(**json.loads((Path(folder) / POINTER_FILE).read_text()))
