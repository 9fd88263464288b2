"""The arguments of one run, as the driver reads them and as the workers get them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    steps: int
    workers: tuple[int, int]  # fewest, most
    seed: int
    batch: int
    context: int
    cpus_per_worker: float
    resources: dict[str, float]
    storage: str | None
    checkpoint_every: int
    run_name: str
    preemptible: bool
    max_failures: int

    @property
    def most_workers(self) -> int:
        """How many parts each batch has, however many workers there are to share them."""
        return self.workers[1]

    @property
    def is_elastic(self) -> bool:
        return self.workers[0] < self.workers[1]

    @property
    def resources_per_worker(self) -> dict[str, float]:
        return {"CPU": self.cpus_per_worker, **self.resources}

    @property
    def storage_path(self) -> str | None:
        """Ray Train wants a full path, or a URL."""
        if self.storage is None or "://" in self.storage:
            return self.storage
        return str(Path(self.storage).resolve())


def parse(argv: list[str] | None = None) -> Settings:
    p = argparse.ArgumentParser(prog="train.py", description="Train a small byte-level language model on CPUs.")
    add = p.add_argument
    add("--steps", type=at_least(1), default=250, help="training steps, resumed ones included (%(default)s)")
    add("--workers", type=workers, default=(2, 2), metavar="N|MIN:MAX", help="data-parallel ranks (2)")
    add("--seed", type=at_least(0), default=0, help="of the weights and of the order of the text (%(default)s)")
    add("--batch", type=at_least(1), default=8, help="sequences a worker and step (%(default)s)")
    add("--context", type=at_least(2), default=64, help="bytes a sequence (%(default)s)")
    add("--cpus-per-worker", type=float, default=1.0, help="(%(default)s)")
    add("--resources", type=resources, default={}, metavar="JSON", help='of a worker, besides CPUs: {"burst": 1}')
    add("--storage", metavar="PATH", help="folder or URL for checkpoints, seen by all nodes (a new temporary folder)")
    add("--checkpoint-every", type=at_least(1), default=100, metavar="STEPS", help="(%(default)s)")
    add("--run-name", default="train-bytes", help="a checkpoint of this name in --storage is resumed (%(default)s)")
    add("--preemptible", action="store_true", help="nodes may be taken away: save upon a notice, go on after a loss")
    add("--max-failures", type=at_least(0), default=3, help="losses without notice that it survives then (%(default)s)")
    settings = Settings(**vars(p.parse_args(argv)))
    if settings.storage is None and (settings.preemptible or settings.is_elastic):
        p.error("--preemptible and --workers MIN:MAX need --storage: a checkpoint must outlive the node that wrote it")
    return settings


def at_least(smallest: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < smallest:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {smallest}")
        return int(text)

    return number


def workers(text: str) -> tuple[int, int]:
    """`2` is as many, `1:2` as many as there is room for."""
    fewest, colon, most = text.partition(":")
    most = most if colon else fewest
    if not (fewest.isdecimal() and most.isdecimal() and 1 <= int(fewest) <= int(most)):
        raise argparse.ArgumentTypeError(f"{text!r} does not read like 2, or like 1:2 for at least one and at most two")
    return int(fewest), int(most)


def resources(text: str) -> dict[str, float]:
    try:
        return {str(name): float(amount) for name, amount in json.loads(text).items()}
    except (AttributeError, TypeError, ValueError):
        raise argparse.ArgumentTypeError(f'{text!r} does not read like {{"burst": 1}}') from None
