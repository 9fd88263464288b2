"""The arguments of jobs/train_bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def parse(load: Callable[[str], Any]) -> Any:
    return load("settings").parse


def test_each_worker_asks_for_its_resources(parse: Any) -> None:
    """CPUs, and whatever else is asked for by name."""
    found = parse(["--cpus-per-worker", "2", "--resources", '{"burst": 1}'])
    assert found.resources_per_worker == {"CPU": 2.0, "burst": 1.0}


@pytest.mark.parametrize("text", ["0", "two", "-1", "1:2"])
def test_other_workers_are_refused(parse: Any, capsys: pytest.CaptureFixture[str], text: str) -> None:
    """Whatever is no number of at least one is refused with what it was."""
    with pytest.raises(SystemExit):
        parse([f"--workers={text}"])
    assert f"'{text}' is not a whole number of at least 1" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["burst", '["burst"]', '{"burst": "x"}'])
def test_other_resources_are_refused(parse: Any, capsys: pytest.CaptureFixture[str], text: str) -> None:
    """Whatever is no map of numbers is refused with an example."""
    with pytest.raises(SystemExit):
        parse([f"--resources={text}"])
    assert 'does not read like {"burst": 1}' in capsys.readouterr().err
