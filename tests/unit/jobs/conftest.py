"""Jobs are plain folders: their modules are imported as a job imports them, and forgotten afterwards."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

JOBS = Path(__file__).parents[3] / "jobs"


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Any]]:
    """Import a module of jobs/ by its name, such as `lm.model`; those of train_bytes by theirs alone."""
    monkeypatch.syspath_prepend(str(JOBS / "train_bytes"))  # it is submitted by itself
    monkeypatch.syspath_prepend(str(JOBS))
    yield importlib.import_module
    for name in [n for n, m in sys.modules.items() if str(JOBS) in _where(m)]:
        del sys.modules[name]  # `data` and `model` are names that others may use as well


def _where(module: Any) -> str:
    found = vars(module)  # torch.classes has an answer to every name that it is asked for
    return f"{found.get('__file__', '')} {list(found.get('__path__') or [])}"
