"""Jobs are folders of plain scripts: their modules are imported as a job imports them, and forgotten afterwards."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

JOB = Path(__file__).parents[3] / "jobs" / "train_bytes"


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Any]]:
    """Import a module of jobs/train_bytes by its name."""
    monkeypatch.syspath_prepend(str(JOB))
    yield importlib.import_module
    for name in [n for n, m in sys.modules.items() if str(getattr(m, "__file__", "")).startswith(str(JOB))]:
        del sys.modules[name]  # `data` and `model` are names that another job may use as well
