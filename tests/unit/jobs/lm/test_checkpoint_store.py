"""Which checkpoints count, and which go."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture
def store_module(load: Callable[[str], Any]) -> ModuleType:
    pytest.importorskip("torch")
    return load("lm.checkpoints.store")


@pytest.fixture
def store(store_module: ModuleType, tmp_path: Path) -> Any:
    return store_module.Store(str(tmp_path), "run")


@pytest.fixture
def commit(store_module: ModuleType, store: Any) -> Callable[..., None]:
    def committed(*steps: int) -> None:
        for step in steps:
            store.begin(step)
            store.commit(store_module.Manifest(step, 1, {}, {}))

    return committed


def test_nothing_is_there_at_first(store: Any) -> None:
    """A run without a folder has no checkpoints."""
    assert store.steps() == []


def test_a_manifest_comes_back(store_module: ModuleType, store: Any) -> None:
    """Step, world and whatever the trainer added are read as they were committed."""
    manifest = store_module.Manifest(12, 4, {}, {"seconds": 1.25, "order": {"seed": 3, "parts": [1, 2]}})
    store.begin(12)
    store.commit(manifest)
    assert store.read(12) == manifest


def test_every_damaged_byte_of_a_manifest_is_found(store_module: ModuleType) -> None:
    """A manifest with one bit changed is refused, or says the same; it never says anything else."""
    manifest = store_module.Manifest(12, 4, {"a": store_module.FileSum(10, 77)}, {"loss": 2.5, "list": [1, None, "ä"]})
    text = manifest.to_json()
    for place in range(len(text)):
        damaged = bytearray(text)
        damaged[place] ^= 1
        try:
            read = store_module.Manifest.parse(bytes(damaged))
        except ValueError:
            continue
        assert read == manifest


def test_a_folder_without_manifest_does_not_count(store: Any, commit: Callable[..., None]) -> None:
    """What was being written when a life ended is no checkpoint, and goes when asked; the others stay."""
    commit(1, 2)
    store.begin(3)
    assert store.steps() == [1, 2]
    store.remove_incomplete()
    assert not Path(store.folder(3)).exists()
    assert store.steps() == [1, 2]


def test_a_file_that_is_not_there_for_all_is_refused(store_module: ModuleType, store: Any) -> None:
    """A file that another rank wrote to a disk of its own keeps the checkpoint from being committed."""
    store.begin(3)
    with pytest.raises(ValueError, match=r"__1_0.distcp is not in .*: the storage must be one that all nodes see"):
        store.commit(store_module.Manifest(3, 2, {"__1_0.distcp": store_module.FileSum(10, 0)}, {}))
    assert store.steps() == []


@pytest.mark.parametrize(
    ("keep", "every", "stay"), [(1, 0, [50]), (2, 0, [40, 50]), (9, 0, [10, 20, 30, 40, 50]), (1, 20, [20, 40, 50])]
)
def test_pruning(store: Any, commit: Callable[..., None], keep: int, every: int, stay: list[int]) -> None:
    """The newest ones stay, and those at multiples of the steps that were asked for."""
    commit(10, 20, 30, 40, 50)
    store.prune(50, keep, every)
    assert store.steps() == stay


def test_pruning_counts_on_good_ones_alone(store: Any, commit: Callable[..., None]) -> None:
    """A damaged checkpoint, older or newer, takes nobody's place: it goes, and the newest good ones stay."""
    commit(10, 20, 30, 90)
    store.bad = {20, 90}
    store.prune(30, 2, 0)
    assert store.steps() == [10, 30]


def test_a_later_checkpoint_of_another_life_stays(store: Any, commit: Callable[..., None]) -> None:
    """Pruning never touches a checkpoint that is newer than the one just written, unless it is known to be damaged."""
    commit(10, 20, 90)
    store.prune(20, 1, 0)
    assert store.steps() == [20, 90]
