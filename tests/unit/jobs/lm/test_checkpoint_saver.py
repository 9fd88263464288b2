"""Checkpoints of a single process, written and read."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass
class Place:
    """A store, the modules' functions on it, and what was said."""

    store: Any
    saver: Callable[..., Any]
    loaded: Callable[[dict[str, Any]], Any]
    said: list[str]

    def file(self, step: int, name: str = "__0_0.distcp") -> Path:
        return Path(self.store.folder(step)) / name


@pytest.fixture
def place(load: Callable[[str], Any], tmp_path: Path) -> Iterator[Place]:
    pytest.importorskip("torch")
    store, made, said = load("lm.checkpoints.store").Store(str(tmp_path), "run"), [], []

    def saver(**options: Any) -> Any:
        made.append(load("lm.checkpoints.saver").Saver(store, None, **options))
        return made[-1]

    yield Place(store, saver, lambda state: load("lm.checkpoints.loader").load(store, state, None, said.append), said)
    for one in made:
        one.close()


def _state(value: float) -> dict[str, Any]:
    import torch

    weights = {f"layers.{n}": torch.full((3, 5), value + n) for n in range(2)}
    moments = {name: {"exp_avg": w * 2, "step": torch.tensor(value)} for name, w in weights.items()}
    return {"model": weights, "optimizer": {"state": moments, "param_groups": [{"lr": value, "betas": (0.9, 0.95)}]}}


def _same(one: Any, other: Any) -> bool:
    import torch

    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(value, other[name]) for name, value in one.items())
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other


def _flip(path: Path, place: int = -100) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


@contextmanager
def _full_disk(limit_bytes: int) -> Iterator[None]:
    """No file may grow beyond the limit: the system refuses the rest, as it does when a disk is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("asynchronous", [True, False])
def test_what_was_saved_is_read(place: Place, *, asynchronous: bool) -> None:
    """Tensors, numbers and the trainer's own words come back as they were."""
    saver, fresh = place.saver(asynchronous=asynchronous), _state(0.0)
    saver.save(7, _state(1.0), {"seconds": 2.5})
    saver.wait()
    found = place.loaded(fresh)
    assert (found.step, found.extra, saver.committed_step) == (7, {"seconds": 2.5}, 7)
    assert _same(fresh, _state(1.0))


def test_training_goes_on_while_it_is_written(place: Place) -> None:
    """Weights and words that change right after the save are not what is written; the next save reuses the copies."""
    saver, state, extra, fresh = place.saver(), _state(1.0), {"seconds": 1}, _state(0.0)
    for step in (1, 2):
        saver.save(step, state, extra)
        for weight in state["model"].values():
            weight.add_(10)
        extra["seconds"] += 1
    saver.wait()
    assert place.loaded(fresh).extra == {"seconds": 2}
    assert float(fresh["model"]["layers.0"][0, 0]) == 11.0
    place.store.remove(2)
    assert place.loaded(fresh).extra == {"seconds": 1}
    assert float(fresh["model"]["layers.0"][0, 0]) == 1.0


def test_copies_use_their_memory_again(load: Callable[[str], Any], place: Place) -> None:
    """The second copy of a state lies where the first one lay, and never where the state itself is."""
    staging, state = load("lm.checkpoints.staging").Staging(), _state(1.0)
    places = [staging.copy(state)["model"]["layers.0"].data_ptr() for _ in range(2)]
    assert places[0] == places[1] != state["model"]["layers.0"].data_ptr()


def test_torch_reads_it_without_us(place: Place) -> None:
    """The folder is a checkpoint of torch.distributed.checkpoint, which its own reader takes."""
    import torch.distributed.checkpoint as dcp

    place.saver(asynchronous=False).save(7, _state(1.0), {})
    fresh = _state(0.0)
    with pytest.warns(UserWarning, match="single process"):
        dcp.load(fresh, checkpoint_id=place.store.folder(7))
    assert _same(fresh, _state(1.0))


@pytest.mark.parametrize("name", ["__0_0.distcp", ".metadata", "manifest.json"])
def test_a_flipped_bit_is_found(place: Place, name: str) -> None:
    """The checkpoint before the damaged one is taken, and a line names file and step."""
    saver, fresh = place.saver(asynchronous=False), _state(0.0)
    for step in (1, 2):
        saver.save(step, _state(step), {})
    _flip(place.file(2, name))
    assert place.loaded(fresh).step == 1
    assert _same(fresh, _state(1.0))
    (line,) = place.said
    assert "step 2" in line
    assert name in line


def test_a_cut_and_a_missing_file_are_found(place: Place) -> None:
    """With no good checkpoint left nothing is loaded, and that is said."""
    saver, fresh = place.saver(asynchronous=False), _state(0.0)
    for step in (1, 2):
        saver.save(step, _state(step), {})
    whole = place.file(2).read_bytes()
    place.file(2).write_bytes(whole[:-10])
    place.file(1).unlink()
    assert place.loaded(fresh) is None
    assert _same(fresh, _state(0.0))
    assert f"{len(whole) - 10:,} of {len(whole):,} bytes" in place.said[0]
    assert "__0_0.distcp is missing" in place.said[1]
    assert "no good checkpoint is left" in place.said[2]


def test_a_damaged_step_is_written_anew(place: Place) -> None:
    """A run that comes again to the step of a damaged checkpoint writes it once more; a good one is left alone."""
    saver = place.saver(asynchronous=False)
    saver.save(2, _state(1.0), {})
    saver.save(2, _state(5.0), {})
    fresh = _state(0.0)
    assert place.loaded(fresh).step == 2
    assert _same(fresh, _state(1.0))
    _flip(place.file(2))
    assert place.loaded(_state(0.0)) is None
    saver.save(2, _state(6.0), {})
    fresh = _state(0.0)
    assert place.loaded(fresh).step == 2
    assert _same(fresh, _state(6.0))


def test_a_full_disk_is_told_and_costs_nothing(place: Place) -> None:
    """The next wait names the folder and the cause, the checkpoint before it stays, and later ones are written."""
    saver = place.saver(keep=1)
    saver.save(1, _state(1.0), {})
    saver.wait()
    with _full_disk(1000):
        saver.save(2, _state(2.0), {})
        with pytest.raises(RuntimeError, match=rf"no checkpoint in {place.store.folder(2)}.*File too large"):
            saver.wait()
    assert place.loaded(_state(0.0)).step == saver.committed_step == 1
    saver.save(3, _state(3.0), {})
    saver.wait()
    assert place.store.steps() == [3]


def test_a_new_life_clears_away(place: Place) -> None:
    """A saver that starts removes what an earlier one left unfinished, and nothing else."""
    place.saver(asynchronous=False).save(1, _state(1.0), {})
    place.store.begin(2)
    place.saver()
    assert not Path(place.store.folder(2)).exists()
    assert place.store.steps() == [1]


def test_another_model_is_refused(place: Place) -> None:
    """A checkpoint that lacks a weight of this model says so, and what to do."""
    place.saver(asynchronous=False).save(1, _state(1.0), {})
    fresh = _state(0.0)
    fresh["model"]["layers.9"] = fresh["model"].pop("layers.1")
    with pytest.raises(RuntimeError, match=r"another model or optimizer: .*layers\.9.* another name"):
        place.loaded(fresh)


def test_at_least_one_stays(place: Place) -> None:
    """A policy that keeps nothing is refused."""
    with pytest.raises(ValueError, match="keep=0"):
        place.saver(keep=0)
