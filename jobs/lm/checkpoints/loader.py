"""Finds the newest checkpoint that is whole, and reads it."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch.distributed as dist
from torch.distributed.checkpoint import DefaultLoadPlanner

from lm.checkpoints.arrow_files import ArrowReader, FileSum, sum_of
from lm.checkpoints.ranks import CheckpointError, Ranks
from lm.checkpoints.store import MANIFEST, Manifest, Store


@dataclass(frozen=True)
class Found:
    step: int
    extra: dict[str, Any]


def load(
    store: Store, state: dict[str, Any], group: dist.ProcessGroup | None, say: Callable[[str], None]
) -> Found | None:
    """Fill `state` in place from the newest checkpoint whose checksums hold; None if there is none. A collective.

    The ranks share the checking; then each reads what it holds, whatever number of ranks wrote it and however it was
    sharded. A damaged one is said, on the first rank alone, and the one before it is taken. Raises CheckpointError if
    it does not fit `state` or the storage does not answer.
    """
    ranks = Ranks(group)
    steps = ranks.first(store.steps)
    for step in reversed(steps):
        manifest, problems = _checked(store, step, ranks)
        if manifest is not None and not problems:
            ranks.share(lambda step=step: _read(store, step, state))
            return Found(step, manifest.extra)
        store.bad.add(step)
        if ranks.rank == 0:
            damage = ", ".join(problems)
            say(f"the checkpoint of step {step} is damaged and passed over: {damage}, in {store.shown(step)}")
    if steps and ranks.rank == 0:
        say(f"no good checkpoint is left in {store.root}")
    return None


def _checked(store: Store, step: int, ranks: Ranks) -> tuple[Manifest | None, list[str]]:
    """Its manifest, and what is wrong with the checkpoint."""
    manifest = ranks.first(lambda: _manifest(store, step))
    if isinstance(manifest, str):
        return None, [manifest]
    mine = shares(manifest.files, ranks.size)[ranks.rank]
    found = ranks.share(lambda: [_problem(store, step, name, manifest.files[name]) for name in mine])
    return manifest, [problem for one in found for problem in one if problem]


def _manifest(store: Store, step: int) -> Manifest | str:
    try:
        return store.read(step)
    except ValueError as error:
        return f"{MANIFEST}: {error}"


def shares(files: dict[str, FileSum], ranks: int) -> list[list[str]]:
    """Who checks what: the largest first, each to whoever has least to read."""
    names: list[list[str]] = [[] for _ in range(ranks)]
    load_bytes = [0] * ranks
    for name in sorted(files, key=lambda n: (-files[n].size_bytes, n)):
        least = load_bytes.index(min(load_bytes))
        names[least].append(name)
        load_bytes[least] += files[name].size_bytes
    return names


def _problem(store: Store, step: int, name: str, wanted: FileSum) -> str | None:
    try:
        found = sum_of(store.files, f"{store.folder(step)}/{name}")
    except FileNotFoundError:
        return f"{name} is missing"
    except OSError as error:
        if error.errno != errno.EIO:  # a network that does not answer says nothing about the checkpoint
            raise
        return f"{name} cannot be read from its disk"
    if found.size_bytes != wanted.size_bytes:
        return f"{name} has {found.size_bytes:,} of {wanted.size_bytes:,} bytes"
    return None if found == wanted else f"{name} has changed since it was written"


def _read(store: Store, step: int, state: dict[str, Any]) -> None:
    reader, planner = ArrowReader(store.files, store.folder(step)), DefaultLoadPlanner()
    metadata = reader.read_metadata()
    planner.set_up_planner(state, metadata)
    reader.set_up_storage_reader(metadata, is_coordinator=False)
    try:
        plan = planner.create_local_plan()
    except (RuntimeError, ValueError) as error:
        raise CheckpointError(
            f"the checkpoint in {store.shown(step)} is of another model or optimizer: {error} "
            "Give the settings that it was made with, or another name to the run"
        ) from error
    reader.read_data(planner.finish_plan(plan), planner).wait()
