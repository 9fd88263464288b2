"""The arguments of one run, as the driver reads them and as the workers get them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    steps: int
    workers: int
    seed: int
    batch: int
    context: int
    cpus_per_worker: float
    resources: dict[str, float]

    @property
    def resources_per_worker(self) -> dict[str, float]:
        return {"CPU": self.cpus_per_worker, **self.resources}


def parse(argv: list[str] | None = None) -> Settings:
    p = argparse.ArgumentParser(prog="train.py", description="Train a small byte-level language model on CPUs.")
    add = p.add_argument
    add("--steps", type=at_least(1), default=250, help="training steps (%(default)s)")
    add("--workers", type=at_least(1), default=2, help="data-parallel ranks (%(default)s)")
    add("--seed", type=at_least(0), default=0, help="of the weights and of the order of the text (%(default)s)")
    add("--batch", type=at_least(1), default=8, help="sequences a worker and step (%(default)s)")
    add("--context", type=at_least(2), default=64, help="bytes a sequence (%(default)s)")
    add("--cpus-per-worker", type=float, default=1.0, help="(%(default)s)")
    add("--resources", type=resources, default={}, metavar="JSON", help='of a worker, besides CPUs: {"burst": 1}')
    return Settings(**vars(p.parse_args(argv)))


def at_least(smallest: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < smallest:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {smallest}")
        return int(text)

    return number


def resources(text: str) -> dict[str, float]:
    try:
        return {str(name): float(amount) for name, amount in json.loads(text).items()}
    except (AttributeError, TypeError, ValueError):
        raise argparse.ArgumentTypeError(f'{text!r} does not read like {{"burst": 1}}') from None
