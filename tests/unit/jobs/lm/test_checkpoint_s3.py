"""Checkpoints in S3, over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from moto_server import KEYS, cloud

pytestmark = pytest.mark.slow


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name, value in KEYS.items():
        monkeypatch.setenv(name.upper(), value)
    with cloud() as server:
        yield "s3://runs/deep/er" + server.bucket("runs")


def test_a_life_in_s3(load: Callable[[str], Any], address: str) -> None:
    """Saved, pruned, an unfinished one cleared away, a damaged one passed over, read: as in a folder."""
    torch = pytest.importorskip("torch")
    store, said = load("lm.checkpoints.store").Store(address, "run"), []
    store.begin(9)
    with store.files.open_output_stream(f"{store.folder(9)}/__0_0.distcp") as stream:
        stream.write(b"half")
    saver = load("lm.checkpoints.saver").Saver(store, None, keep=2)
    for step in (1, 2, 3):
        saver.save(step, {"model": {"weight": torch.full((300_000,), float(step))}}, {"step": step})
    saver.close()
    assert store.steps() == [2, 3]
    assert store.shown(3) == "s3://runs/deep/er/run/checkpoints/step-0000003"
    with store.files.open_output_stream(f"{store.folder(3)}/.metadata") as stream:
        stream.write(b"")
    fresh = {"model": {"weight": torch.zeros(300_000)}}
    found = load("lm.checkpoints.loader").load(store, fresh, None, said.append)
    assert (found.step, found.extra) == (2, {"step": 2})
    assert bool((fresh["model"]["weight"] == 2).all())
    assert ".metadata has 0 of" in said[0]
