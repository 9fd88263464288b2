"""Which weights are served, and what the application's args may be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Load = Callable[[str], Any]


@pytest.fixture
def settings(load: Load) -> Any:
    pytest.importorskip("torch")
    return load("serve_lm.settings")


@pytest.fixture
def said() -> list[str]:
    return []


def write(load: Load, address: Path, step: int, seed: int) -> Any:
    """A checkpoint of a model with the weights of a seed."""
    s, model = load("lm.settings"), load("lm.model")
    shape = {"width": 16, "layers": 1, "heads": 2, "kv_heads": 1, "context": 32}
    decoder = model.Decoder(s.Model(**shape))
    decoder.init_weights(seed)
    store = load("lm.checkpoints.store").Store(str(address), "run")
    saver = load("lm.checkpoints.saver").Saver(store, None, asynchronous=False, keep=9, keep_every_steps=0)
    saver.save(step, {"model": decoder.state_dict()}, {"model": shape, "step": step})
    saver.close()
    return decoder


def equal(left: Any, right: Any) -> bool:
    import torch

    return all(torch.equal(a, b) for a, b in zip(left.parameters(), right.parameters(), strict=True))


def test_the_newest_good_checkpoint_is_served(load: Load, settings: Any, tmp_path: Path, said: list[str]) -> None:
    """Its weights and its shape, whatever shape the settings have; a damaged one is passed over, and said."""
    old, new = write(load, tmp_path, 10, seed=1), write(load, tmp_path, 20, seed=2)
    found = load("serve_lm.weights").served(settings.Settings(storage=str(tmp_path), name="run"), said.append)
    assert (found.step, found.source) == (20, "run at step 20")
    assert equal(found.model, new)
    assert said == []
    data = next((tmp_path / "run" / "checkpoints" / "step-0000020").glob("*.distcp"))
    data.write_bytes(data.read_bytes()[:-9])
    found = load("serve_lm.weights").served(settings.Settings(storage=str(tmp_path), name="run"), said.append)
    assert found.step == 10
    assert equal(found.model, old)
    assert "step 20 is damaged and passed over" in said[0]


def test_a_run_without_checkpoints_is_told(load: Load, settings: Any, tmp_path: Path, said: list[str]) -> None:
    """With how to train one."""
    with pytest.raises(ValueError, match=r"no checkpoint of a run named lm; train one: .* lm\.train name=lm"):
        load("serve_lm.weights").served(settings.Settings(storage=str(tmp_path)), said.append)


def test_without_a_storage_the_model_is_untrained(load: Load, settings: Any, said: list[str]) -> None:
    """The same in every replica, of the shape that is set, and it says so."""
    shape = load("lm.settings").Model(width=16, layers=1, heads=2, kv_heads=1)
    served = load("serve_lm.weights").served
    one, two = (served(settings.Settings(model=shape, seed=4), said.append) for _ in range(2))
    assert equal(one.model, two.model)
    assert one.step is None
    assert one.source == "untrained weights of seed 4: it has learnt nothing"


@pytest.mark.parametrize(
    ("said", "expected"),
    [({}, "lm-untrained"), ({"storage": "/runs", "name": "mine"}, "mine"), ({"model_id": "gpt"}, "gpt")],
)
def test_a_model_has_a_name(settings: Any, said: Any, expected: str) -> None:
    """The run's, unless another one is set; that of an untrained one says so."""
    assert settings.Settings(**said).id == expected


def test_the_application_s_args_are_checked(load: Load, settings: Any) -> None:
    """Every mistake at once, with its name and what was meant."""
    with pytest.raises(ValueError, match="did you mean") as found:
        load("serve_lm.app").app({"slot": 3, "waiting": -1, "model": {"width": 30}})
    lines = str(found.value).splitlines()
    assert lines[0].startswith("args.slot: there is no such setting; did you mean 'slots'?")
    assert [line.partition(": ")[0] for line in lines[1:]] == ["args.waiting", "args.model"]
